/** Images from archives (OCI's, and those of `docker save`) and from image layouts. */
import { parseJson } from '../config/parse.js'
import { list, object, optional, shapeIssues, text } from '../config/shape.js'
import { ConfigError, ImageError } from '../errors.js'
import { OCI_LAYER } from '../layer/layer-types.js'
import { runningSha256 } from '../sys/hash.js'
import { readChunks, renamePath } from '../sys/large-file.js'
import {
  type ArchiveFile,
  type ArchiveFiles,
  bytesOfFile,
  compressionIn,
  extractFiles,
  filesOfDirectory,
} from './archive-files.js'
import { ensureBlob, hasBlob, putBytes } from './depot/blobs.js'
import type { Depot } from './depot/depot.js'
import type { Lease } from './depot/leases.js'
import { checkDigest } from './digest.js'
import {
  type Descriptor,
  type ImageManifest,
  LARGEST_CONFIG,
  LARGEST_MANIFEST,
  platformOf,
  readImageConfig,
  readIndex,
  readLayoutIndex,
  readManifest,
} from './documents.js'
import { INDEX_TYPES, MANIFEST_TYPES, OCI_CONFIG, OCI_MANIFEST } from './media-types.js'
import { choosePlatform, hostPlatform } from './platform.js'
import { parseReference } from './reference.js'
import { type Image, nameIn, readImage, storedName, withName } from './stored-image.js'

interface ArchiveImport {
  readonly depot: Depot
  readonly lease: Lease
  /** A file, or the directory of an image layout. */
  readonly path: string
  readonly isDirectory: boolean
  /** For the one image that it has; null: the names that it has itself. */
  readonly name: string | null
  readonly signal: AbortSignal | undefined
}

/** An image of the archive, whose blobs are in the store. */
interface Found {
  readonly descriptor: Descriptor
  readonly names: readonly string[]
}

/** @throws {ImageError} ERR_IMAGE_INVALID, ERR_IMAGE_DIGEST */
export async function importArchive(given: ArchiveImport): Promise<readonly Image[]> {
  const { depot, lease, path, signal } = given
  const files = given.isDirectory ? filesOfDirectory(path) : await extractFiles(path, lease, signal)
  const isLayout = files.find('index.json') !== null
  const found = isLayout ? await fromLayout(given, files) : await fromDocker(given, files)
  const named = namesFor(given, found)
  await depot.updateEntries(
    entries => named.reduce((all, { name, descriptor }) => withName(all, name, descriptor), entries),
    signal,
  )
  return named.map(({ name, descriptor }) => readImage(depot, withName([], name, descriptor)[0] ?? descriptor))
}

function namesFor({ path, name }: ArchiveImport, found: readonly Found[]): { name: string; descriptor: Descriptor }[] {
  if (name !== null) {
    const [only, ...more] = found
    if (only === undefined || more.length > 0)
      throw refused(path, `it has ${found.length} images: import it without a name`)
    return [{ name: storedName(parseReference(name)), descriptor: only.descriptor }]
  }
  const all = found.flatMap(({ descriptor, names }) => names.map(each => ({ name: each, descriptor })))
  if (all.length > 0) return all
  throw refused(path, found.length === 0 ? 'it has no image' : 'its images have no names: import it with one')
}

const refused = (path: string, why: string): ImageError =>
  new ImageError('ERR_IMAGE_INVALID', `${path}: ${why}`, { path })

const blobFile = (digest: string): string => `blobs/${digest.replace(':', '/')}`

async function fromLayout(given: ArchiveImport, files: ArchiveFiles): Promise<readonly Found[]> {
  const { manifests } = readLayoutIndex(bytesOfFile(files, 'index.json', LARGEST_MANIFEST), `${given.path}: index.json`)
  const found: Found[] = []
  for (const entry of manifests) {
    const descriptor = imageIn(given, files, entry)
    if (descriptor === null) continue
    const bytes = documentOf(files, descriptor)
    const what = `${given.path}: ${descriptor.digest}`
    const manifest = readManifest(bytes, { what, type: descriptor.mediaType })
    await takeBlobs(given, files, { descriptor, manifest })
    found.push({ descriptor, names: namesOf(entry) })
  }
  return found
}

/** The manifest that an entry of an index leads to on this machine; null for what is no image. */
function imageIn({ path }: ArchiveImport, files: ArchiveFiles, entry: Descriptor): Descriptor | null {
  if (MANIFEST_TYPES.includes(entry.mediaType)) return entry
  if (!INDEX_TYPES.includes(entry.mediaType)) return null
  const what = `${path}: ${entry.digest}`
  const { manifests } = readIndex(documentOf(files, entry), { what, type: entry.mediaType })
  // Of an image for many machines an archive may have one only.
  const there = manifests.filter(
    ({ mediaType, digest }) => MANIFEST_TYPES.includes(mediaType) && files.find(blobFile(digest)) !== null,
  )
  const [only] = there
  if (only !== undefined && there.length === 1) return only
  return choosePlatform(
    what,
    there.map(descriptor => ({ descriptor, platform: platformOf(descriptor) })),
    hostPlatform(),
  ).descriptor
}

/** A tool that writes whole names says so with an annotation of its own; others write the tag alone, which names nothing. */
function namesOf(entry: Descriptor): readonly string[] {
  const whole = entry.annotations?.['io.containerd.image.name'] ?? nameIn(entry)
  if (whole === null) return []
  try {
    return /[/:@]/.test(whole) ? [storedName(parseReference(whole))] : []
  } catch (error) {
    if (error instanceof ImageError) return []
    throw error
  }
}

/** Read from where it is, and checked: nobody has done so for a directory. */
function documentOf(files: ArchiveFiles, { digest, size }: Descriptor): Uint8Array {
  if (size > LARGEST_MANIFEST) throw refused(blobFile(digest), `it has more than ${LARGEST_MANIFEST} bytes`)
  return bytesOfFile(files, blobFile(digest), LARGEST_MANIFEST)
}

interface Manifested {
  readonly descriptor: Descriptor
  readonly manifest: ImageManifest
}

async function takeBlobs(
  given: ArchiveImport,
  files: ArchiveFiles,
  { descriptor, manifest }: Manifested,
): Promise<void> {
  const { depot, lease, signal } = given
  const blobs = [descriptor, manifest.config, ...manifest.layers]
  await lease.claim(
    blobs.map(({ digest }) => digest),
    signal,
  )
  for (const blob of blobs) await takeBlob(given, files, blob)
  const what = `${given.path}: the configuration`
  const text = bytesOfBlob(depot, manifest.config)
  const config = readImageConfig(text, { what, layers: manifest.layers.length })
  await lease.claim(config.rootfs.diff_ids, signal)
}

const bytesOfBlob = (depot: Depot, { digest }: Descriptor): Uint8Array =>
  bytesOfFile(filesOfDirectory(depot.directory), blobFile(digest), LARGEST_CONFIG)

async function takeBlob({ depot, path, signal }: ArchiveImport, files: ArchiveFiles, blob: Descriptor): Promise<void> {
  if (await hasBlob(depot, blob)) return
  const file = files.find(blobFile(blob.digest))
  if (file === null) throw refused(path, `the blob ${blob.digest} is missing`)
  const what = `${path}: ${blobFile(blob.digest)}`
  if (file.size !== blob.size) {
    throw new ImageError('ERR_IMAGE_DIGEST', `${what} has ${file.size} bytes, not ${blob.size}`, {
      path,
      expected: String(blob.size),
    })
  }
  if (files.areOurs && file.digest !== null) {
    checkDigest({ what, wanted: blob.digest, found: file.digest })
    return renamePath(file.path, depot.blobPath(blob.digest))
  }
  await ensureBlob({ depot, content: blob, signal, fetch: target => copyChecked({ file, blob, what, target }) })
}

interface Copying {
  readonly file: ArchiveFile
  readonly blob: Descriptor
  readonly what: string
  readonly target: { cut(size: number): Promise<void>; append(bytes: Uint8Array): Promise<void>; sync(): Promise<void> }
}

async function copyChecked({ file, blob, what, target }: Copying): Promise<void> {
  const hash = runningSha256()
  await target.cut(0)
  for await (const chunk of readChunks(file.path)) {
    hash.add(chunk)
    await target.append(chunk)
  }
  const found = `sha256:${hash.hex()}`
  if (found !== blob.digest) await target.cut(0)
  checkDigest({ what, wanted: blob.digest, found })
  await target.sync()
}

const dockerShape = list(object({ Config: text, RepoTags: optional(list(text)), Layers: list(text) }))

interface DockerEntry {
  readonly Config: string
  readonly RepoTags?: readonly string[]
  readonly Layers: readonly string[]
}

/** manifest.json of `docker save` before 25, and of podman and skopeo today. */
async function fromDocker(given: ArchiveImport, files: ArchiveFiles): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const entry of readDockerEntries(given, files)) {
    const names = (entry.RepoTags ?? []).map(tag => storedName(parseReference(tag)))
    found.push({ descriptor: await takeDocker(given, files, entry), names })
  }
  return found
}

function readDockerEntries({ path }: ArchiveImport, files: ArchiveFiles): readonly DockerEntry[] {
  if (files.find('manifest.json') === null)
    throw refused(path, 'it has no index.json and no manifest.json: it is no archive of images')
  const bytes = bytesOfFile(files, 'manifest.json', LARGEST_MANIFEST)
  try {
    const document = parseJson(bytes)
    const [issue] = shapeIssues(dockerShape, document)
    if (issue !== undefined) throw refused(`${path}: manifest.json`, `${issue.path}: ${issue.message}`)
    return document as unknown as readonly DockerEntry[]
  } catch (error) {
    if (error instanceof ConfigError) throw refused(`${path}: manifest.json`, error.message)
    throw error
  }
}

/** Makes the manifest that such an archive does not have. */
async function takeDocker(given: ArchiveImport, files: ArchiveFiles, entry: DockerEntry): Promise<Descriptor> {
  const { depot, lease, path, signal } = given
  const bytes = bytesOfFile(files, entry.Config, LARGEST_CONFIG)
  const { rootfs } = readImageConfig(bytes, { what: `${path}: ${entry.Config}`, layers: entry.Layers.length })
  const layers: Descriptor[] = []
  for (const [index, name] of entry.Layers.entries()) {
    const file = files.find(name)
    if (file === null || file.digest === null) throw refused(path, `the layer ${name} is missing`)
    const compression = await compressionIn(file.path)
    if (compression === 'none') {
      checkDigest({ what: `${path}: ${name}`, wanted: rootfs.diff_ids[index] ?? '', found: file.digest })
    }
    layers.push({
      mediaType: compression === 'none' ? OCI_LAYER : `${OCI_LAYER}+${compression}`,
      digest: file.digest,
      size: file.size,
    })
  }
  await lease.claim([...layers.map(({ digest }) => digest), ...rootfs.diff_ids], signal)
  for (const [index, layer] of layers.entries()) {
    const file = files.find(entry.Layers[index] ?? '')
    if (file !== null && !(await hasBlob(depot, layer))) await renamePath(file.path, depot.blobPath(layer.digest))
  }
  const config = await putBytes({ depot, lease, bytes, mediaType: OCI_CONFIG })
  const manifest: ImageManifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }
  return putBytes({ depot, lease, bytes: Buffer.from(JSON.stringify(manifest)), mediaType: OCI_MANIFEST })
}
