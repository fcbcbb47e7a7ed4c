/**
 * Every error that tsrun throws on purpose. The class tells what failed, `code` is stable and meant for programs,
 * the message is meant for people. Classes are recognised by brand (`isTsrunError`), so that two copies of the
 * package in one process understand each other.
 */

import type { CheckpointError } from './checkpoint-error.js'
import type { CniError } from './cni-error.js'
import { BRAND, type ErrorCode, Failure } from './failure.js'

export { CheckpointError, type CheckpointFields } from './checkpoint-error.js'
export { CniError, type CniFields } from './cni-error.js'
export type { ErrorCode } from './failure.js'

/** All of them: `switch (error.code)` tells TypeScript which one it is, and so which fields it has. */
export type TsrunError =
  | ConfigError
  | HostError
  | LaunchError
  | SafetyError
  | StateError
  | HookError
  | CgroupError
  | CheckpointError
  | PlanError
  | SystemError
  | ImageError
  | RegistryError
  | CniError
  | LayerError

/** True for any error that tsrun throws on purpose, also one from another copy of the package. */
export function isTsrunError(error: unknown): error is TsrunError {
  return error instanceof Error && BRAND in error
}

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  /** JSON pointer (RFC 6901) of the field; "" is the document. */
  readonly path: string
  /** Anchor in the specification, such as `config.md#mounts`, or `tsrun#...` for a rule of ours. */
  readonly rule: string
  readonly expected: string
  readonly received: string
  readonly message: string
}

/** The configuration (or another argument) is wrong: all issues at once. Nothing has been made. */
export class ConfigError extends Failure<
  'ERR_CONFIG_INVALID' | 'ERR_CONFIG_UNSUPPORTED',
  { issues: readonly ConfigIssue[] }
> {
  declare readonly issues: readonly ConfigIssue[]
  constructor(
    code: 'ERR_CONFIG_INVALID' | 'ERR_CONFIG_UNSUPPORTED',
    issues: readonly ConfigIssue[],
    options: { cause?: unknown } = {},
  ) {
    const message = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n')
    super('ConfigError', code, message, { issues }, options.cause)
  }
}

type HostCode = 'ERR_HOST_KERNEL' | 'ERR_HOST_INSTALL' | 'ERR_HOST_PRIVILEGE' | 'ERR_HOST_CGROUP'

/** The host lacks something that the configuration needs. */
export class HostError extends Failure<HostCode, { needs: string; found: string; remedy: string }> {
  declare readonly needs: string
  declare readonly found: string
  declare readonly remedy: string
  constructor(
    code: HostCode,
    fields: { needs: string; found: string; remedy: string },
    options: { cause?: unknown } = {},
  ) {
    super('HostError', code, `needs ${fields.needs}, found ${fields.found}: ${fields.remedy}`, fields, options.cause)
  }
}

/** Where in a plan something went wrong. */
export interface LaunchFields {
  /** JSON pointer of the config field that the failing step came from, "" if there is none. */
  readonly configPath: string
  readonly op: string
  readonly phase: string
  readonly syscall: string
  /** The errno's name, such as ENOENT; "" if there is none. */
  readonly errno: string
  /** The signal that killed the helper, or null. */
  readonly signal: string | null
}

/** A step of the launch failed; the container does not exist. */
export class LaunchError extends Failure<'ERR_LAUNCH_OP' | 'ERR_LAUNCH_EXEC' | 'ERR_LAUNCH_DIED', LaunchFields> {
  declare readonly configPath: string
  declare readonly op: string
  declare readonly phase: string
  declare readonly syscall: string
  declare readonly errno: string
  declare readonly signal: string | null
  constructor(
    code: 'ERR_LAUNCH_OP' | 'ERR_LAUNCH_EXEC' | 'ERR_LAUNCH_DIED',
    message: string,
    fields: LaunchFields,
    options: { cause?: unknown } = {},
  ) {
    super('LaunchError', code, message, fields, options.cause)
  }
}

/** Something in the container's file system is not what it must be: treat it as an attack. */
export class SafetyError extends Failure<'ERR_SAFETY_PATH' | 'ERR_SAFETY_PROCFS' | 'ERR_SAFETY_CWD', LaunchFields> {
  declare readonly configPath: string
  declare readonly op: string
  declare readonly phase: string
  declare readonly syscall: string
  declare readonly errno: string
  declare readonly signal: string | null
  constructor(
    code: 'ERR_SAFETY_PATH' | 'ERR_SAFETY_PROCFS' | 'ERR_SAFETY_CWD',
    message: string,
    fields: LaunchFields,
    options: { cause?: unknown } = {},
  ) {
    super('SafetyError', code, message, fields, options.cause)
  }
}

type StateCode = Extract<ErrorCode, `ERR_STATE_${string}`>

/** The container is not in the state that the operation needs. */
export class StateError extends Failure<StateCode, { id: string; status: string | null; expected: string | null }> {
  declare readonly id: string
  declare readonly status: string | null
  declare readonly expected: string | null
  constructor(
    code: StateCode,
    message: string,
    fields: { id: string; status?: string; expected?: string },
    options: { cause?: unknown } = {},
  ) {
    const { id, status = null, expected = null } = fields
    super('StateError', code, message, { id, status, expected }, options.cause)
  }
}

export interface HookFields {
  /** Which kind of hook, such as createRuntime. */
  readonly hook: string
  readonly index: number
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** A hook failed or ran past its timeout. */
export class HookError extends Failure<'ERR_HOOK_EXIT' | 'ERR_HOOK_TIMEOUT', HookFields> {
  declare readonly hook: string
  declare readonly index: number
  declare readonly exitCode: number | null
  declare readonly signal: string | null
  declare readonly stderr: string
  constructor(
    code: 'ERR_HOOK_EXIT' | 'ERR_HOOK_TIMEOUT',
    message: string,
    fields: HookFields,
    options: { cause?: unknown } = {},
  ) {
    super('HookError', code, message, fields, options.cause)
  }
}

/** The kernel refused a cgroup setting, or a limit was hit. */
export class CgroupError extends Failure<
  'ERR_CGROUP_WRITE' | 'ERR_CGROUP_OOM',
  { file: string; value: string; errno: string; configPath: string }
> {
  declare readonly file: string
  declare readonly value: string
  declare readonly errno: string
  declare readonly configPath: string
  constructor(
    code: 'ERR_CGROUP_WRITE' | 'ERR_CGROUP_OOM',
    message: string,
    fields: { file: string; value: string; errno: string; configPath: string },
    options: { cause?: unknown } = {},
  ) {
    super('CgroupError', code, message, fields, options.cause)
  }
}

/** A plan that breaks its own rules: always a bug of tsrun. */
export class PlanError extends Failure<'ERR_PLAN_REFUSED', { op: string }> {
  declare readonly op: string
  constructor(message: string, fields: { op: string }, options: { cause?: unknown } = {}) {
    super('PlanError', 'ERR_PLAN_REFUSED', message, fields, options.cause)
  }
}

type LayerCode = Extract<ErrorCode, `ERR_LAYER_${string}`>

export interface LayerFields {
  /** The path in the layer, as text: what is not UTF-8 is replaced. "" if it is about no entry. */
  readonly entry: string
  /** The limit that was reached, such as `entries`; null for another error. */
  readonly limit: string | null
  /** What the limit was compared with; null for another error. */
  readonly value: number | null
  /** "" unless a system call failed. */
  readonly syscall: string
  /** The errno's name, such as ENOSPC; "" if there is none. */
  readonly errno: string
}

/** A layer of an image can't be unpacked or packed. What had been unpacked of it has been removed. */
export class LayerError extends Failure<LayerCode, LayerFields> {
  declare readonly entry: string
  declare readonly limit: string | null
  declare readonly value: number | null
  declare readonly syscall: string
  declare readonly errno: string
  constructor(code: LayerCode, message: string, fields: Partial<LayerFields> = {}, options: { cause?: unknown } = {}) {
    const { entry = '', limit = null, value = null, syscall = '', errno = '' } = fields
    const named = entry === '' ? message : `${JSON.stringify(entry)}: ${message}`
    super('LayerError', code, named, { entry, limit, value, syscall, errno }, options.cause)
  }
}

/** A system call failed outside of any plan. Prints like strace: `openat("/x"): ENOENT`. */
export class SystemError extends Failure<'ERR_SYSTEM', { syscall: string; errno: string; path: string }> {
  declare readonly syscall: string
  declare readonly errno: string
  declare readonly path: string
  constructor(
    fields: { syscall: string; errno: string; path?: string },
    { cause, hint = '' }: { cause?: unknown; hint?: string } = {},
  ) {
    const { syscall, errno, path = '' } = fields
    super(
      'SystemError',
      'ERR_SYSTEM',
      `${syscall}(${path === '' ? '' : JSON.stringify(path)}): ${errno}${hint === '' ? '' : `: ${hint}`}`,
      { syscall, errno, path },
      cause,
    )
  }
}

type ImageCode = Extract<ErrorCode, `ERR_IMAGE_${string}` | `ERR_VOLUME_${string}`>

/** An image, a volume, or the store that it is in, is not what it must be. */
export class ImageError extends Failure<ImageCode, { image: string; path: string; expected: string | null }> {
  declare readonly image: string
  declare readonly path: string
  declare readonly expected: string | null
  constructor(
    code: ImageCode,
    message: string,
    fields: { image?: string; path?: string; expected?: string } = {},
    options: { cause?: unknown } = {},
  ) {
    const { image = '', path = '', expected = null } = fields
    super('ImageError', code, message, { image, path, expected }, options.cause)
  }
}

type RegistryCode = Extract<ErrorCode, `ERR_REGISTRY_${string}`>

/** A registry refused, could not be reached, or answered what it must not. Never has a password or a token in it. */
export class RegistryError extends Failure<RegistryCode, { registry: string; status: number | null; remedy: string }> {
  declare readonly registry: string
  declare readonly status: number | null
  declare readonly remedy: string
  constructor(
    code: RegistryCode,
    message: string,
    fields: { registry: string; status?: number; remedy?: string },
    options: { cause?: unknown } = {},
  ) {
    const { registry, status = null, remedy = '' } = fields
    const text = remedy === '' ? message : `${message}: ${remedy}`
    super('RegistryError', code, text, { registry, status, remedy }, options.cause)
  }
}
