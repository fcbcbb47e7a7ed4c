/** Overlays of detached mounts. */
import { runOverlayJob } from './job.js'

interface Overlay {
  /** A mount of the directory that has `upper` and `work`, or gets them. */
  readonly upper: number
  /** Mounts, the lowest first. All of them stay the caller's. */
  readonly layers: readonly number[]
  /** It keeps what it has to know in `user.overlay.*`, as it must in a user namespace. */
  readonly userXattr: boolean
  /** Name all layers in one option, which has 255 bytes: before Linux 6.7. */
  readonly asList: boolean
  readonly signal?: AbortSignal | undefined
}

/** As native/sys/job.h has them. */
const LIST = 1
const USER_XATTR = 2

/**
 * A detached mount, which is the caller's. It is made on a thread of its own: the event loop goes on.
 * @throws {SystemError}; the reason of `signal`
 */
export function makeOverlay({ upper, layers, userXattr, asList, signal }: Overlay): Promise<number> {
  const flags = (asList ? LIST : 0) | (userXattr ? USER_XATTR : 0)
  return runOverlayJob({ trees: [upper, ...layers.toReversed()], flags, signal })
}
