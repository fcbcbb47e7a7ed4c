/** The images of a store: everything that can be done with them. */
import { optionError } from '../config/option.js'
import type { OciMount } from '../index.js'
import type { OwnerMappings } from '../layer/layer-owners.js'
import { isDirectory } from '../sys/file.js'
import { type CommitOptions, commitImage } from './commit-image.js'
import { type CopyRoot, copierOf } from './copy-merged.js'
import { defaultDepot, openDepot } from './depot/depot.js'
import { type Lease, openLease, withLease } from './depot/leases.js'
import { archiveOf, writeArchive, writeLayout } from './export-image.js'
import { checkKnown } from './image-options.js'
import { importArchive } from './import-archive.js'
import type { OnProgress } from './progress.js'
import { type Pruned, type PruneOptions, pruneImages, type RemoveImageOptions, removeImage } from './prune-images.js'
import { type PullOptions, pullImage } from './pull.js'
import { type Pushed, type PushOptions, pushImage } from './push.js'
import { parseReference } from './reference.js'
import { openRegistries, type Registries, type RegistryOptions } from './registry/registries.js'
import { containerMappings, storeOwners } from './store-owners.js'
import { findEntry, type Image, nameIn, readImage, storedName, withName } from './stored-image.js'
import { unpackLayers, unpackOnce } from './unpack-image.js'
import { checkVolumeMounts, imageVolumes, mountVolumes, type VolumeMount } from './volume-mounts.js'
import { openVolumes, type Volumes } from './volumes.js'

export interface ImagesOptions extends RegistryOptions {
  /**
   * The store, an absolute path; made when something is first written. Default: /var/lib/tsrun/images as root, else
   * $XDG_DATA_HOME/tsrun/images (~/.local/share/tsrun/images).
   */
  readonly directory?: string
}

export interface UnpackImageOptions {
  /** Volumes of the store, which are made if they are not there; one that is new gets what the image has at its target. */
  readonly mounts?: readonly VolumeMount[]
  /**
   * What becomes of the places that the image itself calls volumes (`Volumes`), and that `mounts` does not name. `anonymous`: each is a volume without a
   * name, with what the image has there, for one container: it is removed with the layers' claim (`release`, `keepWhile`). `none`: they
   * are like any other place. Default `none`.
   */
  readonly imageVolumes?: 'anonymous' | 'none'
  /**
   * Without root: whose the files are. `mapped`: those of the ids that this user has been granted (/etc/subuid), by a user namespace with
   * `mappings`; `squashed`: all are this user's. Default: `mapped` if it has been granted any. As root they are those of the layers.
   */
  readonly owners?: 'mapped' | 'squashed'
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

export interface ImportOptions {
  /** Default: the names that the images have. */
  readonly name?: string
  readonly signal?: AbortSignal
}

export interface ExportOptions {
  /** Default `archive`. */
  readonly format?: 'archive' | 'layout'
  readonly signal?: AbortSignal
}

/** An image whose layers are there for containers. Nobody removes them before it is released, or its process has ended. */
export interface UnpackedImage extends AsyncDisposable {
  readonly image: Image
  /** Directories, base first, as `create` takes them in `rootfs`. They are the store's: nothing may be changed in them. */
  readonly layers: readonly string[]
  /** All files belong to this user, since no others could be given. */
  readonly squashed: boolean
  /** What a container on these layers has to have as its `uidMappings` and `gidMappings` (`runtimeConfig`); null as root: any. */
  readonly mappings: OwnerMappings | null
  /** Of the volumes, for a configuration (`runtimeConfig`). Nobody removes them for as long as the layers. */
  readonly mounts: readonly OciMount[]
  readonly copyTo: CopyRoot
  /** Nobody removes the layers as long as there is something at this path, such as a container's directory: also after the release. */
  keepWhile(path: string): void
  release(): Promise<void>
}

/** A name in the store. What can't be read has a problem in place of an image. */
export interface ListedImage {
  /** null: it has lost its name to another one. */
  readonly name: string | null
  /** Of the manifest. */
  readonly digest: string
  readonly image: Image | null
  readonly problem: string | null
}

export interface Images {
  /** The store. */
  readonly directory: string
  /** Its volumes: directories by name, which outlive containers. */
  readonly volumes: Volumes
  /**
   * Fetches an image, but for what is there already, and puts it under its name. @throws {ImageError} ERR_IMAGE_REFERENCE,
   * ERR_IMAGE_INVALID, ERR_IMAGE_DIGEST, ERR_IMAGE_PLATFORM; {RegistryError}; the reason of `signal`
   */
  pull(name: string, options?: PullOptions): Promise<Image>
  /**
   * Sends an image to its registry, but for what is there already or in another repository of it.
   * @throws {ImageError} ERR_IMAGE_NOT_FOUND; {RegistryError}; the reason of `signal`
   */
  push(name: string, options?: PushOptions): Promise<Pushed>
  /**
   * Images from an archive (OCI's, or `docker save`'s, as it is or compressed) or from the directory of an image layout, under the names
   * that they have, or the one under the name that is given. @throws {ImageError} ERR_IMAGE_INVALID, ERR_IMAGE_DIGEST; nothing is kept then
   */
  import(path: string, options?: ImportOptions): Promise<readonly Image[]>
  /**
   * Writes an archive that is an OCI archive and one of `docker save` at the same time, so that `docker load`, `podman load` and skopeo read
   * it; or an image layout, into a new directory. @throws {ImageError} ERR_IMAGE_NOT_FOUND; {SystemError}
   */
  export(name: string, path: string, options?: ExportOptions): Promise<void>
  /** The same archive as a stream. */
  archive(name: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>
  /**
   * A new image: the base, and a layer with what is in the upper directory of a container that was made on it (`upper: { dir }` of
   * `create` keeps it as `upper` in that directory). @throws {ImageError} ERR_IMAGE_NOT_FOUND, ERR_IMAGE_REFERENCE; {LayerError}
   */
  commit(upper: string, name: string, options: CommitOptions & { readonly base: string }): Promise<Image>
  /** A new image of one layer: the files of a directory, or of an archive (tar, as it is or compressed). @throws as `commit` */
  importRoot(path: string, name: string, options?: Omit<CommitOptions, 'base'>): Promise<Image>
  /** An image of the store, by its name, or by seven or more digits of its digest. @throws {ImageError} ERR_IMAGE_NOT_FOUND */
  get(name: string): Promise<Image>
  list(): Promise<readonly ListedImage[]>
  /** Unpacks the layers that are not unpacked yet, and fills volumes that are new. @throws {ImageError|LayerError}; {ConfigError} */
  unpack(name: string, options?: UnpackImageOptions): Promise<UnpackedImage>
  /** Gives an image another name, which another one may lose by that. @throws {ImageError} ERR_IMAGE_NOT_FOUND, ERR_IMAGE_REFERENCE */
  tag(name: string, newName: string): Promise<Image>
  /**
   * Takes a name away, and removes what nobody needs any more. @throws {ImageError} ERR_IMAGE_NOT_FOUND; ERR_IMAGE_IN_USE if a container
   * uses it, unless `force`
   */
  remove(name: string, options?: RemoveImageOptions): Promise<Pruned>
  /** Removes what no name leads to and nobody uses: blobs, unpacked layers, and what was begun and not finished. */
  prune(options?: PruneOptions): Promise<Pruned>
}

const COMMIT_OPTIONS = ['config', 'author', 'message', 'compression', 'signal'] as const

/**
 * Opens the store of this user, or another one. Nothing is touched before the first call.
 * @throws {ConfigError} for an option that is wrong or not known; {ImageError} ERR_IMAGE_STORE
 */
export function openImages(options: ImagesOptions = {}): Images {
  checkKnown('openImages', options, ['directory', 'credentials', 'insecure', 'mirrors', 'fetch', 'idleTimeout'])
  const depot = openDepot(options.directory ?? defaultDepot())
  return {
    directory: depot.directory,
    volumes: openVolumes(depot),
    ...transfersOf(depot, openRegistries(options)),
    ...archivesOf(depot),
    ...namesOf(depot),
  }
}

type Opened = ReturnType<typeof openDepot>

const transfersOf = (depot: Opened, registries: Registries): Pick<Images, 'pull' | 'push'> => ({
  pull: async (name, pulling = {}) => {
    checkKnown('pull', pulling, ['platform', 'unpack', 'owners', 'onProgress', 'signal'])
    const { signal, onProgress = () => {}, unpack = false } = pulling
    const owners = storeOwners(pulling.owners)
    return withLease(depot, signal, lease =>
      pullImage({
        ...{ depot, registries, lease, name, options: pulling },
        ...(unpack && {
          whenThere: (layer, diffId, aborted) =>
            unpackOnce({ depot, layer, diffId, owners, onProgress, signal: aborted }),
        }),
      }),
    )
  },
  push: async (name, pushing = {}) => {
    checkKnown('push', pushing, ['to', 'chunkSize', 'onProgress', 'signal'])
    return withLease(depot, pushing.signal, lease => pushImage({ depot, registries, lease, name, options: pushing }))
  },
})

const archivesOf = (depot: Opened): Pick<Images, 'import' | 'export' | 'archive' | 'commit' | 'importRoot'> => ({
  import: async (path, importing = {}) => {
    checkKnown('import', importing, ['name', 'signal'])
    const { name = null, signal } = importing
    const isLayout = isDirectory(path)
    return withLease(depot, signal, lease => importArchive({ depot, lease, path, isDirectory: isLayout, name, signal }))
  },
  export: async (name, path, exporting = {}) => {
    checkKnown('export', exporting, ['format', 'signal'])
    const { format = 'archive', signal } = exporting
    if (format !== 'archive' && format !== 'layout') {
      throw optionError({ option: 'format', expected: '"archive" or "layout"', received: format })
    }
    await withLease(depot, signal, async lease => {
      await claimImage({ depot, lease, name, signal })
      await (format === 'archive' ? writeArchive : writeLayout)(depot, name, { path, signal })
    })
  },
  archive: (name, { signal } = {}) => leasedArchive(depot, name, signal),
  commit: async (upper, name, options) => {
    checkKnown('commit', options, ['base', ...COMMIT_OPTIONS])
    return withLease(depot, options.signal, lease =>
      commitImage({ depot, lease, source: upper, kind: 'upper', name, options }),
    )
  },
  importRoot: async (path, name, options = {}) => {
    checkKnown('importRoot', options, COMMIT_OPTIONS)
    return withLease(depot, options.signal, lease =>
      commitImage({ depot, lease, source: path, kind: 'directory', name, options }),
    )
  },
})

const namesOf = (depot: Opened): Pick<Images, 'get' | 'list' | 'unpack' | 'tag' | 'remove' | 'prune'> => ({
  get: async name => readImage(depot, findEntry(depot.entries(), name)),
  list: async () => depot.entries().map(entry => listed(depot, entry)),
  unpack: (name, unpacking = {}) => unpacked(depot, name, unpacking),
  tag: async (name, newName) => {
    const target = storedName(parseReference(newName))
    await depot.updateEntries(entries => withName(entries, target, findEntry(entries, name)))
    return readImage(depot, findEntry(depot.entries(), target))
  },
  remove: async (name, removing = {}) => {
    checkKnown('remove', removing, ['force', 'signal'])
    return removeImage(depot, name, removing)
  },
  prune: async (pruning = {}) => {
    checkKnown('prune', pruning, ['all', 'signal'])
    return pruneImages(depot, pruning)
  },
})

/** One bad image must not hide the others. */
function listed(depot: Opened, entry: Parameters<typeof readImage>[1]): ListedImage {
  const fields = { name: nameIn(entry), digest: entry.digest }
  try {
    return { ...fields, image: readImage(depot, entry), problem: null }
  } catch (error) {
    return { ...fields, image: null, problem: (error as Error).message }
  }
}

async function unpacked(depot: Opened, name: string, options: UnpackImageOptions): Promise<UnpackedImage> {
  checkKnown('unpack', options, ['mounts', 'imageVolumes', 'owners', 'onProgress', 'signal'])
  const { onProgress = () => {}, signal, imageVolumes: kind = 'none' } = options
  if (kind !== 'anonymous' && kind !== 'none')
    throw optionError({ option: 'imageVolumes', expected: '"anonymous" or "none"', received: kind })
  const owners = storeOwners(options.owners)
  const wanted = checkVolumeMounts(options.mounts ?? [])
  const lease = await openLease(depot, signal)
  try {
    const image = await claimImage({ depot, lease, name, signal })
    const anonymous = kind === 'none' ? [] : imageVolumes(image, wanted)
    const layers = await unpackLayers({ depot, image, owners, onProgress, signal })
    const release = (): Promise<void> => lease.release()
    const mounts = await mountVolumes({ depot, lease, layers, owners, mounts: wanted, anonymous, signal })
    const { keepWhile } = lease
    const mappings = containerMappings(owners)
    const handle = { copyTo: copierOf(layers, owners), keepWhile, release, [Symbol.asyncDispose]: release }
    return { image, layers, squashed: owners === 'squashed', mappings, mounts, ...handle }
  } catch (error) {
    await lease.release()
    throw error
  }
}

interface Claiming {
  readonly depot: Opened
  readonly lease: Lease
  readonly name: string
  readonly signal: AbortSignal | undefined
}

/** The image, of which nothing is removed while the lease lasts. */
async function claimImage({ depot, lease, name, signal }: Claiming): Promise<Image> {
  const image = readImage(depot, findEntry(depot.entries(), name))
  const { digest, manifest, config } = image
  const parts = [digest, manifest.config.digest, ...manifest.layers.map(layer => layer.digest)]
  await lease.claim([...parts, ...config.rootfs.diff_ids], signal)
  return image
}

async function* leasedArchive(
  depot: Opened,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const lease = await openLease(depot, signal)
  try {
    await claimImage({ depot, lease, name, signal })
    yield* archiveOf(depot, name, signal)
  } finally {
    await lease.release()
  }
}
