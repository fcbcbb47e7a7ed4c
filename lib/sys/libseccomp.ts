/**
 * libseccomp, loaded when it is first called. It generates filter programs; nothing here loads one into a kernel.
 * What needs a call per system call name, or has a struct of C, is done by `native/sys/seccomp.c`.
 */
import { HostError, SystemError } from '../errors.js'
import { check, errnoName } from './errno.js'
import { load, type NativeFunction, type Signature } from './ffi.js'
import { native } from './native.js'

const TABLE = {
  seccomp_arch_native: ['uint32', []],
  seccomp_arch_resolve_name: ['uint32', ['string']],
  seccomp_init: ['size_t', ['uint32']],
  seccomp_arch_add: ['int', ['size_t', 'uint32']],
  seccomp_attr_set: ['int', ['size_t', 'int', 'uint32']],
  seccomp_release: ['void', ['size_t']],
} as const satisfies Record<string, Signature>

type Library = { readonly [K in keyof typeof TABLE]: NativeFunction }

let loaded: { readonly library: Library; readonly version: string } | null = null

function open(): { readonly library: Library; readonly version: string } {
  loaded ??= { version: readVersion(), library: load('libseccomp.so.2', TABLE) }
  return loaded
}

function readVersion(): string {
  const text = Buffer.alloc(1024)
  const length = native().ts_seccomp_version(text, text.length)
  if (length >= 0) return text.toString('utf8', 0, length)
  const found = text.toString('utf8', 0, text.indexOf(0))
  const remedy =
    'install it (Debian and Ubuntu: libseccomp2; Fedora and Alpine: libseccomp), or run without linux.seccomp'
  throw new HostError('ERR_HOST_KERNEL', { needs: 'libseccomp.so.2 for linux.seccomp', found, remedy })
}

/**
 * The library's version, such as `2.5.4`.
 * @throws {HostError} ERR_HOST_KERNEL if there is no libseccomp, as all functions here do
 */
export function libseccompVersion(): string {
  return open().version
}

/** The path that the library was loaded from. */
export function libseccompPath(): string {
  open()
  const path = Buffer.alloc(4096)
  const length = check(native().ts_seccomp_library(path, path.length), 'dladdr', 'libseccomp.so.2')
  return path.toString('utf8', 0, length)
}

/** The token of the architecture that this process runs on. */
export function nativeArchitecture(): number {
  return open().library.seccomp_arch_native()
}

/** The token of an architecture by libseccomp's name, such as `x86_64`; null if the library does not know it. */
export function architectureToken(name: string): number | null {
  const token = open().library.seccomp_arch_resolve_name(name)
  return token === 0 ? null : token
}

/** No architecture has such a system call, as far as the library knows. */
export const UNKNOWN_SYSCALL = -1

/**
 * The system calls' numbers on that architecture, in the order of the names. Negative: it has none; other than
 * UNKNOWN_SYSCALL the number stands for the name all the same, for the architectures that do.
 */
export function syscallNumbers(architecture: number, names: readonly string[]): Int32Array {
  open()
  const numbers = new Int32Array(names.length)
  const text = Buffer.from(`${names.join('\0')}\0`)
  const result = native().ts_seccomp_resolve(architecture, text, names.length, new Uint8Array(numbers.buffer))
  check(result, 'seccomp_syscall_resolve_name_arch')
  return numbers
}

/** The numbers of enum scmp_compare. */
export const COMPARISON = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 } as const

export interface Condition {
  /** Which argument, 0 to 5. */
  readonly argument: number
  readonly comparison: number
  readonly a: bigint
  readonly b: bigint
}

export interface FilterRule {
  /** SECCOMP_RET_* with its data. */
  readonly action: number
  readonly syscall: number
  /** All must hold; none on the same argument as another. */
  readonly conditions: readonly Condition[]
}

/** The numbers that `ts_seccomp_add_rules` takes rules from. */
function ruleNumbers(rules: readonly FilterRule[]): BigUint64Array<ArrayBuffer> {
  const numbers = rules.flatMap(({ action, syscall, conditions }) => [
    BigInt(action),
    BigInt(syscall),
    BigInt(conditions.length),
    ...conditions.flatMap(({ argument, comparison, a, b }) => [BigInt(argument), BigInt(comparison), a, b]),
  ])
  return new BigUint64Array(numbers)
}

/** enum scmp_filter_attr */
const ATTRIBUTE_OPTIMIZE = 8
const PROGRAM_LIMIT = 1024 * 1024

/** A filter in the making. It has the native architecture from the beginning. To be released. */
export class FilterContext {
  #context: number

  /** @throws {SystemError} EINVAL if library or kernel do not know the action */
  constructor(defaultAction: number) {
    this.#context = open().library.seccomp_init(defaultAction)
    if (this.#context === 0) throw new SystemError({ syscall: 'seccomp_init', errno: 'EINVAL' })
  }

  /** @throws {SystemError} EEXIST: it has it; EDOM: its byte order is not that of the others */
  addArchitecture(token: number): void {
    check(open().library.seccomp_arch_add(this.#context, token), 'seccomp_arch_add')
  }

  /** Lets the program search its system calls as a binary tree, which pays from some dozens on. */
  searchAsTree(): void {
    check(open().library.seccomp_attr_set(this.#context, ATTRIBUTE_OPTIMIZE, 2), 'seccomp_attr_set')
  }

  /** Adds the rules; null, or which one the library refused and why. The rules before that one have been added. */
  addRules(rules: readonly FilterRule[]): { readonly index: number; readonly errno: string } | null {
    const refused = new Int32Array(1)
    const numbers = ruleNumbers(rules)
    const [bytes, index] = [new Uint8Array(numbers.buffer), new Uint8Array(refused.buffer)]
    const result = native().ts_seccomp_add_rules(this.#context, bytes, numbers.length, index)
    return result < 0 ? { index: refused[0] ?? 0, errno: errnoName(-result) } : null
  }

  /** The program: an array of struct sock_filter, in the byte order of this machine. */
  program(): Uint8Array {
    const bytes = Buffer.allocUnsafe(PROGRAM_LIMIT)
    const length = check(native().ts_seccomp_export(this.#context, bytes, bytes.length), 'seccomp_export_bpf')
    return Uint8Array.prototype.slice.call(bytes, 0, length)
  }

  release(): void {
    if (this.#context !== 0) open().library.seccomp_release(this.#context)
    this.#context = 0
  }
}
