import { version } from './oci-version.js'
import { readDocument, type Source } from './read-document.js'
import * as s from './shape.js'

/** `paused` is ours, as it is every other runtime's: the specification lets implementations add to its four. */
export type Status = 'creating' | 'created' | 'running' | 'stopped' | 'paused'

const STATUSES: readonly [Status, ...Status[]] = ['creating', 'created', 'running', 'stopped', 'paused']

/** The state of a container as the specification has it (runtime.md#state): what hooks read and `state` prints. */
export interface OciState {
  readonly ociVersion: string
  readonly id: string
  readonly status: Status
  /** Of the container's init, in the pid namespace of the caller; absent if there is no process. */
  readonly pid?: number
  /** Absolute path. */
  readonly bundle: string
  readonly annotations?: Readonly<Record<string, string>>
}

const shape = s.object({
  ociVersion: version,
  id: s.filled,
  status: s.oneOf(STATUSES),
  pid: s.optional(s.integer(0, 2 ** 31 - 1)),
  bundle: s.absolutePath,
  annotations: s.optional(s.map(s.text)),
})

/**
 * Reads a state document; unknown properties are left out of the result.
 * @throws ConfigError ERR_CONFIG_INVALID with every issue
 */
export function readState(source: Source<OciState>): OciState {
  const { ociVersion, id, status, pid, bundle, annotations } = readDocument<OciState>({
    source,
    base: null,
    shape,
  }).value
  return {
    ociVersion,
    id,
    status,
    ...(pid !== undefined && { pid }),
    bundle,
    ...(annotations !== undefined && { annotations }),
  }
}
