/** What CRIU, or its images, failed with: a class of errors.ts. */
import { type ErrorCode, Failure } from './failure.js'

type CheckpointCode = Extract<ErrorCode, `ERR_CHECKPOINT_${string}`>

export interface CheckpointFields {
  /** The log of CRIU, or the directory of the images; "" if there is none. */
  readonly log: string
  /** The lines of the log that tell why. */
  readonly lines: readonly string[]
  /** The errno's name that CRIU has given; "" for none. */
  readonly errno: string
}

/** CRIU could not save or restore a container, or the images are none. */
export class CheckpointError extends Failure<CheckpointCode, CheckpointFields> {
  declare readonly log: string
  declare readonly lines: readonly string[]
  declare readonly errno: string
  constructor(code: CheckpointCode, message: string, fields: CheckpointFields, options: { cause?: unknown } = {}) {
    super('CheckpointError', code, message, fields, options.cause)
  }
}
