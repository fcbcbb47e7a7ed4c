/** Copies what a container has written. */

import { OCI_LAYER } from '../layer/layer-types.js'
import { packLayer } from '../layer/pack.js'
import { unpackLayer } from '../layer/unpack.js'
import { isRoot } from './store-owners.js'

/**
 * Copies the upper directory of a layered root, or a layer, into an existing, empty directory, which can be a layer of another root then: whiteouts and
 * opaque directories stay what they are.
 * @throws {LayerError} what is in it can't be read, or can't be in a layer; {SystemError}; the reason of `signal`
 */
export async function copyUpper(
  upper: string,
  target: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const owners = isRoot() ? 'kept' : 'squashed'
  const shared = { owners, ...(signal !== undefined && { signal }) } as const
  const { stream } = packLayer({ ...shared, source: upper, kind: 'upper', compression: 'none' })
  await unpackLayer({ ...shared, stream, mediaType: OCI_LAYER, target, overlay: isRoot() ? 'trusted' : 'user' })
}
