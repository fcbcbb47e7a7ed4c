/** sd-bus of libsystemd, which is loaded when it is first called, and the values of D-Bus. */
import { HostError } from '../errors.js'
import { check } from './errno.js'
import { load, type NativeFunction, type Signature } from './ffi.js'

const TABLE = {
  sd_bus_open_system: ['int', ['pointer']],
  sd_bus_open_user: ['int', ['pointer']],
  sd_bus_close_unref: ['size_t', ['size_t']],
  sd_bus_get_fd: ['int', ['size_t']],
  sd_bus_get_events: ['int', ['size_t']],
  sd_bus_process: ['int', ['size_t', 'pointer']],
  sd_bus_send: ['int', ['size_t', 'size_t', 'pointer']],
  sd_bus_message_new_method_call: ['int', ['size_t', 'pointer', 'string', 'string', 'string', 'string']],
  sd_bus_message_append_basic: ['int', ['size_t', 'int', 'pointer']],
  sd_bus_message_open_container: ['int', ['size_t', 'int', 'string']],
  sd_bus_message_close_container: ['int', ['size_t']],
  sd_bus_message_read_basic: ['int', ['size_t', 'int', 'pointer']],
  sd_bus_message_get_reply_cookie: ['int', ['size_t', 'pointer']],
  sd_bus_message_get_error: ['size_t', ['size_t']],
  sd_bus_message_is_signal: ['int', ['size_t', 'string', 'string']],
  sd_bus_message_unref: ['size_t', ['size_t']],
} as const satisfies Record<string, Signature>

type Library = { readonly [K in keyof typeof TABLE]: NativeFunction }

const SONAME = 'libsystemd.so.0'
let loaded: Library | null = null

/** @throws {HostError} ERR_HOST_CGROUP if there is no libsystemd */
export function sdBus(): Library {
  if (loaded !== null) return loaded
  const functions = load(SONAME, TABLE)
  try {
    functions.sd_bus_message_unref(0)
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause)
    const remedy =
      'install it (Debian and Ubuntu: libsystemd0; Fedora: systemd-libs), or use the cgroup manager cgroupfs'
    throw new HostError('ERR_HOST_CGROUP', { needs: `${SONAME}, to talk to systemd`, found, remedy }, { cause })
  }
  loaded = functions
  return functions
}

/** A value of D-Bus; which one is meant is told by its signature. */
export type Value = string | number | bigint | boolean | readonly Value[] | Typed
/** A value with its signature. As a value it is a variant. */
export interface Typed {
  readonly signature: string
  readonly value: Value
}

/** Appends a value of one complete type to a message. */
export function append(message: number, signature: string, value: Value): void {
  const [first = ''] = signature
  if (first === 'v') appendVariant(message, value as Typed)
  else if (first === 'a') appendArray(message, signature.slice(1), value as readonly Value[])
  else if (first === '(' || first === '{') appendFields(message, signature, value as readonly Value[])
  else appendBasic(message, first, value)
}

function appendBasic(message: number, type: string, value: Value): void {
  const { sd_bus_message_append_basic: appendOne } = sdBus()
  check(appendOne(message, type.charCodeAt(0), basicBytes(type, value)), 'sd_bus_message_append_basic')
}

function contain(message: number, kind: string, contents: string, fill: () => void): void {
  const { sd_bus_message_open_container: open, sd_bus_message_close_container: close } = sdBus()
  check(open(message, kind.charCodeAt(0), contents), 'sd_bus_message_open_container', contents)
  fill()
  check(close(message), 'sd_bus_message_close_container', contents)
}

const appendVariant = (message: number, { signature, value }: Typed): void =>
  contain(message, 'v', signature, () => append(message, signature, value))

const appendArray = (message: number, element: string, values: readonly Value[]): void =>
  contain(message, 'a', element, () => {
    for (const value of values) append(message, element, value)
  })

function appendFields(message: number, signature: string, values: readonly Value[]): void {
  const inner = signature.slice(1, -1)
  contain(message, signature.startsWith('(') ? 'r' : 'e', inner, () => {
    for (const [index, type] of completeTypes(inner).entries()) append(message, type, values[index] ?? 0)
  })
}

/** The complete types that follow each other in a signature. */
export function completeTypes(signature: string): string[] {
  const types: string[] = []
  for (let rest = signature; rest !== ''; ) {
    const type = rest.slice(0, lengthOfType(rest))
    types.push(type)
    rest = rest.slice(type.length)
  }
  return types
}

function lengthOfType(signature: string): number {
  const arrays = /^a*/.exec(signature)?.[0].length ?? 0
  let depth = 0
  for (let at = arrays; at < signature.length; at++) {
    if ('({'.includes(signature[at] ?? '')) depth++
    else if (')}'.includes(signature[at] ?? '')) depth--
    if (depth === 0) return at + 1
  }
  return signature.length
}

/** As C has it: a text for sd-bus to copy, else the number in eight bytes, of which as many are read as the type has. */
function basicBytes(type: string, value: Value): string | Uint8Array {
  if ('sog'.includes(type)) return String(value)
  const bytes = Buffer.alloc(8)
  if (type === 'd') bytes.writeDoubleLE(Number(value))
  else bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as number | bigint | boolean)))
  return bytes
}
