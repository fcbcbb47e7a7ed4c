/** What a container has written to memory, as a file from which memory can be filled again: the archive of a layer. */
import { makeDirectory, readText } from '../sys/file.js'
import { readChunks, writeWhole } from '../sys/large-file.js'
import { OCI_LAYER } from './layer-types.js'
import { packLayer } from './pack.js'
import { unpackLayer } from './unpack.js'

interface Saved {
  /** The upper directory of an overlay; to be filled it must not be there yet, and in a mount that is attached nowhere. */
  readonly upper: string
  readonly file: string
  readonly signal?: AbortSignal | undefined
}

/** As deep as anything is packed. */
const DEEPEST = 512

/** Of the machine, in bytes (proc_meminfo(5)): what has more, since files may have holes, could not be in memory again. */
const memory = (): number =>
  [...readText('/proc/meminfo').matchAll(/^(?:MemTotal|SwapTotal): +([0-9]+) kB$/gm)]
    .map(([, kibibytes]) => Number(kibibytes) * 1024)
    .reduce((sum, bytes) => sum + bytes, 0)

/**
 * The file appears when it is whole; resolves to its digest. Needs root. Sockets are left out.
 * @throws {LayerError} what is in it can't be read, can't be in a layer, or could not be in memory again (ERR_LAYER_LIMIT); {SystemError}; the
 *   reason of `signal`
 */
export async function saveUpper({ upper, file, signal }: Saved): Promise<string> {
  const cancel = signal === undefined ? {} : { signal }
  const { stream, result } = packLayer({
    ...{ source: upper, kind: 'upper', compression: 'none', owners: 'kept', most: memory() },
    ...cancel,
  })
  await writeWhole(file, stream)
  return (await result).diffId
}

/** @throws {LayerError} the file is damaged, or another one; {SystemError}; the reason of `signal` */
export async function fillUpper({ upper, file, diffId, signal }: Saved & { readonly diffId: string }): Promise<void> {
  makeDirectory(upper)
  await unpackLayer({
    stream: readChunks(file),
    ...{ mediaType: OCI_LAYER, diffId, target: upper, isHidden: true, overlay: 'trusted', owners: 'kept' },
    // Its memory bounds all else, and what has been saved must not be refused.
    limits: { depth: DEEPEST, bytes: Number.MAX_SAFE_INTEGER, entries: Number.MAX_SAFE_INTEGER },
    ...(signal !== undefined && { signal }),
  })
}
