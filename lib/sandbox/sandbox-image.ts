/** The image that a sandbox is made of. */
import { isTsrunError, StateError } from '../errors.js'
import { type Images, openImages, runtimeConfig, type UnpackedImage, type VolumeMount } from '../image/index.js'

export interface SandboxImage {
  /** Of its manifest. */
  readonly digest: string
  readonly layers: readonly string[]
  /** Where the files of its volumes are, by the targets of those. */
  readonly volumes: ReadonlyMap<string, string>
  /** What the image says of its processes. */
  readonly envs: Readonly<Record<string, string>>
  readonly cwd: string
  readonly user: { readonly uid: number; readonly gid: number }
  /** Nobody removes the layers as long as there is something at this path. */
  keepWhile(path: string): void
  release(): Promise<void>
}

interface Asked {
  readonly name: string
  /** null: the store of this user. */
  readonly images: Images | null
  readonly volumes: readonly VolumeMount[]
  readonly signal: AbortSignal | undefined
}

/** Pulls it if the store does not have it. @throws {ImageError|RegistryError|LayerError}; the reason of `signal` */
export async function openSandboxImage({ name, images, volumes, signal }: Asked): Promise<SandboxImage> {
  const store = images ?? openImages()
  const aborting = signal === undefined ? {} : { signal }
  const unpacked = await unpackOrPull(store, name, { volumes, ...aborting })
  const { layers } = unpacked
  try {
    const { process } = runtimeConfig(unpacked.image, layers, { args: ['/'] })
    const { uid = 0, gid = 0 } = process?.user ?? {}
    return {
      ...{ layers, digest: unpacked.image.digest },
      volumes: new Map(unpacked.mounts.map(({ destination, source = '' }) => [destination, source])),
      envs: Object.fromEntries((process?.env ?? []).map(entry => entry.split(/=(.*)/s, 2) as [string, string])),
      cwd: process?.cwd ?? '/',
      user: { uid: Number(uid), gid: Number(gid) },
      keepWhile: path => unpacked.keepWhile(path),
      release: () => unpacked.release(),
    }
  } catch (error) {
    await unpacked.release()
    throw error
  }
}

interface Unpacking {
  readonly volumes: readonly VolumeMount[]
  readonly signal?: AbortSignal
}

async function unpackOrPull(
  store: Images,
  name: string,
  { volumes: mounts, ...aborting }: Unpacking,
): Promise<UnpackedImage> {
  try {
    return await store.unpack(name, { mounts, owners: 'squashed', ...aborting })
  } catch (error) {
    if (!isTsrunError(error) || error.code !== 'ERR_IMAGE_NOT_FOUND') throw error
  }
  await store.pull(name, { ...aborting, owners: 'squashed', unpack: true })
  return store.unpack(name, { mounts, owners: 'squashed', ...aborting })
}

interface OfImage {
  readonly id: string
  /** The digest. */
  readonly image: string | null
}

/** Of another image, what a sandbox has written would be over other files. @throws {StateError}; {ImageError} the name is gone */
export async function checkSameImage(
  { id, image }: OfImage,
  { image: name, images }: { readonly image: string | null; readonly images: Images | null },
): Promise<void> {
  if (name === null || (await (images ?? openImages()).get(name)).digest === image) return
  const message = `${name} is another image by now than the one that the sandbox is made of`
  throw new StateError('ERR_STATE_STATUS', message, { id, expected: 'of the same image' })
}
