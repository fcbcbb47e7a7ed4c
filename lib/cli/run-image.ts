/** `run --image` and `restore --image`: a container on an image of the store, which is pulled if it is not there. */

import { resolve } from 'node:path'
import type { UnpackedImage } from '../image/index.js'
import type { LayeredRoot, OciConfig, Runtime } from '../index.js'
import { isTsrunError } from '../index.js'
import type { Flag, Flags } from './command.js'
import { checkCount, UsageError } from './command-line.js'
import { ownersOf, SQUASH_FLAG, STORE_FLAGS, storeOptions, volumeMounts } from './image-flags.js'

export const IMAGE_FLAGS: readonly Flag[] = [
  {
    name: 'image',
    value: 'NAME',
    help: 'from this image in place of a bundle; it is pulled if the store does not have it',
  },
  { name: 'tty', short: 't', help: 'with --image: a terminal' },
  { name: 'user', short: 'u', value: 'USER[:GROUP]', help: "with --image: in place of the image's" },
  {
    name: 'upper',
    value: 'DIR',
    completes: 'directory',
    help: 'with --image: keep there what the container writes (default: in memory, until it ends)',
  },
  {
    name: 'copy',
    value: 'DIR',
    completes: 'directory',
    help: 'with --image: copy the image to DIR/rootfs, in place of layers, where the kernel has no overlay for them',
  },
  {
    name: 'volume',
    value: 'NAME:TARGET[:ro]',
    isList: true,
    help: 'with --image: a volume of the store, which is made if need be, and filled from the image (repeatable)',
  },
  { ...SQUASH_FLAG, help: `with --image, ${SQUASH_FLAG.help}` },
  ...STORE_FLAGS,
]

/** @throws {UsageError} for arguments or flags that mean nothing without --image, or with it */
export function checkImageFlags(flags: Flags, { verb, count }: { verb: string; count: number }): void {
  const isImage = flags.text('image') !== undefined
  if (!isImage) checkCount(verb, count, { min: 1, max: 1 })
  const given = ({ name, value, isList }: Flag): boolean =>
    isList ? flags.list(name).length > 0 : value === undefined ? flags.isOn(name) : flags.text(name) !== undefined
  const foreign = IMAGE_FLAGS.find(flag => !isImage && given(flag))
  if (foreign !== undefined) throw new UsageError(`--${foreign.name} needs --image`)
  if (isImage && flags.text('bundle') !== undefined) throw new UsageError('--bundle and --image exclude each other')
}

export interface RunImage {
  readonly config: OciConfig
  readonly rootfs: string | LayeredRoot
  /** The container `id` exists: the image is kept until it is deleted. */
  keepFor(runtime: Pick<Runtime, 'root'>, id: string): void
  release(): Promise<void>
}

/** `args`: in place of the image's Cmd; none: that. */
export async function openRunImage(
  name: string,
  given: { flags: Flags; args: readonly string[]; signal: AbortSignal },
): Promise<RunImage> {
  const { flags, args, signal } = given
  if (flags.text('copy') !== undefined && flags.text('upper') !== undefined)
    throw new UsageError('--copy and --upper exclude each other')
  const { runtimeConfig } = await import('./image-library.js')
  const unpacked = await unpackedImage(name, flags, signal)
  try {
    const user = flags.text('user')
    const config = runtimeConfig(unpacked.image, unpacked.layers, {
      terminal: flags.isOn('tty'),
      mounts: unpacked.mounts,
      mappings: unpacked.mappings,
      ...(args.length > 0 && { args }),
      ...(user !== undefined && { user }),
    })
    return {
      config,
      rootfs: await rootOf(unpacked, flags, signal),
      keepFor: ({ root }, id) => unpacked.keepWhile(`${root}/${id}`),
      release: () => unpacked.release(),
    }
  } catch (error) {
    await unpacked.release()
    throw error
  }
}

async function rootOf(unpacked: UnpackedImage, flags: Flags, signal: AbortSignal): Promise<RunImage['rootfs']> {
  const copy = flags.text('copy')
  if (copy !== undefined) return unpacked.copyTo(resolve(copy), { signal })
  const upper = flags.text('upper')
  return { layers: unpacked.layers, upper: upper === undefined ? 'memory' : { dir: upper } }
}

async function unpackedImage(name: string, flags: Flags, signal: AbortSignal): Promise<UnpackedImage> {
  const [{ openImages }, { transferLines }] = await Promise.all([
    import('./image-library.js'),
    // Loads node:tty, and with it node:net, which few calls need.
    import('./transfer-lines.js'),
  ])
  const images = openImages(storeOptions(flags))
  const lines = transferLines({ quiet: false })
  // What is kept elsewhere is kept whole.
  const isKept = flags.text('upper') !== undefined || flags.text('copy') !== undefined
  const imageVolumes = isKept ? 'none' : 'anonymous'
  const unpacking = { mounts: volumeMounts(flags), imageVolumes, signal, ...ownersOf(flags) } as const
  try {
    return await images.unpack(name, unpacking)
  } catch (error) {
    if (!isTsrunError(error) || error.code !== 'ERR_IMAGE_NOT_FOUND') throw error
  }
  const image = await images.pull(name, { signal, unpack: true, ...ownersOf(flags), onProgress: lines.onProgress })
  lines.end()
  return images.unpack(image.name ?? image.digest, unpacking)
}
