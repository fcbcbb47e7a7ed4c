/** What a container has written to memory, as a file from which memory can be filled again: the archive of a layer. */
import { makeDirectory } from '../sys/file.js'
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

/**
 * The file appears when it is whole; resolves to its digest. Needs root. Sockets are left out.
 * @throws {LayerError} what is in it can't be read, or can't be in a layer; {SystemError}; the reason of `signal`
 */
export async function saveUpper({ upper, file, signal }: Saved): Promise<string> {
  const cancel = signal === undefined ? {} : { signal }
  const { stream, result } = packLayer({ source: upper, kind: 'upper', compression: 'none', owners: 'kept', ...cancel })
  await writeWhole(file, stream)
  return (await result).diffId
}

/** @throws {LayerError} the file is damaged, or another one; {SystemError}; the reason of `signal` */
export async function fillUpper({ upper, file, diffId, signal }: Saved & { readonly diffId: string }): Promise<void> {
  makeDirectory(upper)
  await unpackLayer({
    stream: readChunks(file),
    ...{ mediaType: OCI_LAYER, diffId, target: upper, isHidden: true, overlay: 'trusted', owners: 'kept' },
    ...(signal !== undefined && { signal }),
  })
}
