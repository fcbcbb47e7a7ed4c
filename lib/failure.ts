/** What the classes of errors.ts have in common, and the list of their codes. */

/** Recognises the classes, also those of another copy of the package in the same process. */
export const BRAND = Symbol.for('tsrun.error')

export type ErrorCode =
  | 'ERR_CONFIG_INVALID'
  | 'ERR_CONFIG_UNSUPPORTED'
  | 'ERR_HOST_KERNEL'
  | 'ERR_HOST_INSTALL'
  | 'ERR_HOST_PRIVILEGE'
  | 'ERR_HOST_CGROUP'
  | 'ERR_LAUNCH_OP'
  | 'ERR_LAUNCH_EXEC'
  | 'ERR_LAUNCH_DIED'
  | 'ERR_SAFETY_PATH'
  | 'ERR_SAFETY_PROCFS'
  | 'ERR_SAFETY_CWD'
  | 'ERR_STATE_EXISTS'
  | 'ERR_STATE_NOT_FOUND'
  | 'ERR_STATE_STATUS'
  | 'ERR_STATE_LOCKED'
  | 'ERR_STATE_CORRUPT'
  | 'ERR_STATE_VERSION'
  | 'ERR_HOOK_EXIT'
  | 'ERR_HOOK_TIMEOUT'
  | 'ERR_CGROUP_WRITE'
  | 'ERR_CGROUP_OOM'
  | 'ERR_CHECKPOINT_CRIU'
  | 'ERR_CHECKPOINT_IMAGE'
  | 'ERR_PLAN_REFUSED'
  | 'ERR_LAYER_FORMAT'
  | 'ERR_LAYER_UNSAFE'
  | 'ERR_LAYER_LIMIT'
  | 'ERR_LAYER_DIGEST'
  | 'ERR_LAYER_WRITE'
  | 'ERR_LAYER_DIED'
  | 'ERR_SYSTEM'
  | 'ERR_IMAGE_REFERENCE'
  | 'ERR_IMAGE_NOT_FOUND'
  | 'ERR_IMAGE_INVALID'
  | 'ERR_IMAGE_DIGEST'
  | 'ERR_IMAGE_PLATFORM'
  | 'ERR_IMAGE_IN_USE'
  | 'ERR_IMAGE_STORE'
  | 'ERR_VOLUME_NAME'
  | 'ERR_VOLUME_NOT_FOUND'
  | 'ERR_VOLUME_IN_USE'
  | 'ERR_REGISTRY_AUTH'
  | 'ERR_REGISTRY_NOT_FOUND'
  | 'ERR_REGISTRY_RESPONSE'
  | 'ERR_REGISTRY_UNREACHABLE'
  | 'ERR_REGISTRY_INSECURE'
  | 'ERR_NETWORK_CNI'

export abstract class Failure<Code extends ErrorCode, Fields extends object> extends Error {
  readonly code: Code
  /** The extra fields of the class, as `toJSON` shows them. */
  readonly #fields: Fields

  constructor(name: string, code: Code, message: string, fields: Fields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = name
    this.code = code
    this.#fields = fields
    Object.assign(this, fields)
    Object.defineProperty(this, BRAND, { value: name })
  }

  /** Plain data: name, code, message, the class's own fields, and the cause's message. */
  toJSON(): object {
    const cause = this.cause instanceof Error ? { cause: this.cause.message } : {}
    return { name: this.name, code: this.code, message: this.message, ...this.#fields, ...cause }
  }
}
