/** Copies of what a container on layers sees. */
import { optionError } from '../config/option.js'
import type { LayerOwners } from '../layer/layer-owners.js'
import { OCI_LAYER } from '../layer/layer-types.js'
import { packLayer } from '../layer/pack.js'
import { unpackLayer } from '../layer/unpack.js'
import { makeDirectories } from '../sys/file.js'
import { checkKnown } from './image-options.js'
import { mergedDirectories } from './merged-file.js'
import { isRoot } from './store-owners.js'

interface Seen {
  /** Base first. */
  readonly layers: readonly string[]
  /** A directory as the container names it. */
  readonly path: string
}

interface Copying {
  /** An existing, empty directory. */
  readonly target: string
  readonly owners: LayerOwners
  /** It is on the disk when this resolves. */
  readonly durable: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * As an archive, which is written beneath a descriptor: nothing is copied by its path. Nothing if the layers have no such directory.
 * @throws {LayerError}; the reason of `signal`
 */
export async function copyMerged({ layers, path }: Seen, { target, owners, durable, signal }: Copying): Promise<void> {
  const [source, ...over] = mergedDirectories(layers, path)
  if (source === undefined) return
  const aborting = signal === undefined ? {} : { signal }
  const { stream } = packLayer({ source, over, kind: 'merged', compression: 'none', owners, ...aborting })
  const overlay = isRoot() ? 'trusted' : 'user'
  await unpackLayer({ stream, mediaType: OCI_LAYER, target, overlay, owners, durable, ...aborting })
}

export interface CopyOptions {
  readonly signal?: AbortSignal
}

/**
 * Copies the root of the image to `rootfs` in this directory, which is made (0700) if it is missing, as a `rootfs` of `create` that needs no
 * overlay. It is the caller's: what a container writes goes there, and nothing removes it. A copy that is there is never used again.
 * @returns its path
 * @throws {SystemError} ENOTEMPTY if there is something at `rootfs`; {LayerError} ERR_LAYER_UNSAFE for set-user-ID programs if other users
 * can reach it, others for what can't be written, with an empty `rootfs` left; {ConfigError}; the reason of `signal`
 */
export type CopyRoot = (directory: string, options?: CopyOptions) => Promise<string>

export const copierOf =
  (layers: readonly string[], owners: LayerOwners): CopyRoot =>
  async (directory, options = {}) => {
    checkKnown('copyTo', options, ['signal'])
    if (typeof directory !== 'string' || directory === '')
      throw optionError({ option: 'directory', expected: 'a path', received: directory })
    options.signal?.throwIfAborted()
    const target = `${directory}/rootfs`
    makeDirectories(target, 0o700)
    await copyMerged({ layers, path: '/' }, { target, owners, durable: false, signal: options.signal })
    return target
  }
