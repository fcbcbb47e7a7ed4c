/**
 * The only door to ffi-napi. Loading it costs 14 ms, so nothing is loaded before the first call, and a function is bound
 * when it is first used. Calls go straight to libffi through its bindings: ffi-napi's own conversions allocate for each
 * argument, which costs ten to twenty times as much (docs/decisions).
 */
import { HostError } from '../errors.js'
import { type FfiPackage, loadFfi } from './ffi-package.js'
import { NATIVE_REMEDY } from './native-directory.js'

/** `size_t` also stands for an opaque pointer of C. */
export type NativeType = 'int' | 'uint32' | 'size_t' | 'string' | 'pointer'
export type ResultType = 'void' | 'int' | 'uint32' | 'size_t'
export type Signature = readonly [returns: ResultType, args: readonly NativeType[]]
/** What may be passed: a Uint8Array is passed as a pointer to its bytes, null as NULL. */
export type NativeArgument = number | bigint | string | Uint8Array | null
export type NativeFunction = (...args: NativeArgument[]) => number

const FFI_NAMES = {
  void: 'void',
  int: 'int32',
  uint32: 'uint32',
  size_t: 'uint64',
  string: 'pointer',
  pointer: 'pointer',
} as const
/** Each argument and each pointer to one has eight bytes: the library is for 64-bit machines only. */
const WORD = 8
const RTLD_NOW = 2

let loaded: FfiPackage | null = null

/** @throws {HostError} ERR_HOST_INSTALL if the package has not been compiled */
function ffi(): FfiPackage {
  loaded ??= loadPackage()
  return loaded
}

function loadPackage(): FfiPackage {
  try {
    return loadFfi()
  } catch (cause) {
    const [found = ''] = String(cause).split('\n')
    const remedy = `it is compiled by its install script: run \`npm rebuild\` (npm may ask you to allow it first); ${NATIVE_REMEDY}`
    throw new HostError('ERR_HOST_INSTALL', { needs: 'the compiled package ffi-napi', found, remedy }, { cause })
  }
}

/** A function ready to be called: its arguments are written to `values`, what it returns is in `result`. */
interface Prepared {
  readonly values: Buffer
  readonly result: Buffer
  /** What C points to. */
  readonly retained: readonly Uint8Array[]
  call(): void
}

function prepare(code: Uint8Array, returns: ResultType, args: readonly NativeType[]): Prepared {
  const { bindings, ref } = ffi()
  const size = Math.max(args.length, 1) * WORD
  const [values, pointers, types] = [Buffer.alloc(size), Buffer.alloc(size), Buffer.alloc(size)]
  const first = BigInt(ref.address(values))
  args.forEach((type, index) => {
    pointers.writeBigUInt64LE(first + BigInt(index * WORD), index * WORD)
    ref.writePointer(types, index * WORD, typeOf(type))
  })
  const cif = Buffer.alloc(bindings.FFI_CIF_SIZE)
  const status = bindings.ffi_prep_cif(cif, args.length, typeOf(returns), types, bindings.FFI_DEFAULT_ABI)
  if (status !== bindings.FFI_OK) throw new Error(`ffi_prep_cif: status ${status}`)
  const result = Buffer.alloc(WORD)
  const call = (): void => bindings.ffi_call(cif, code, result, pointers)
  return { values, result, retained: [types, pointers], call }
}

function typeOf(name: keyof typeof FFI_NAMES): Uint8Array {
  const type = ffi().bindings.FFI_TYPES[FFI_NAMES[name]]
  if (type === undefined) throw new Error(`libffi has no type ${name}`)
  return type
}

/**
 * Where texts and small buffers are for the time of a call: the address of each would cost more than the copy. It is also a
 * matter of safety: the add-ons bring the process down if they are asked for one in a worker that is being terminated.
 */
interface Arena {
  readonly bytes: Buffer
  readonly address: number
}

const ARENA_BYTES = 32 * 1024
const LARGEST_COPIED = 4 * 1024
let arena: Arena | null = null

function openArena(): Arena {
  const bytes = Buffer.alloc(ARENA_BYTES)
  return { bytes, address: ffi().ref.address(bytes) }
}

/** A buffer that C was given. */
interface Lent {
  readonly bytes: Uint8Array
  /** Where its copy is, which goes back into it after the call, since C may have written there; -1: it was lent itself. */
  readonly at: number
}

/** Writes arguments as C has them. What is returned has to live until the call is over. */
function writeArguments({ values }: Prepared, types: readonly NativeType[], args: readonly NativeArgument[]): Lent[] {
  const lent: Lent[] = []
  let used = 0
  types.forEach((type, index) => {
    const value = args[index] ?? 0
    if (type === 'int') values.writeInt32LE(Number(value), index * WORD)
    else if (type === 'uint32') values.writeUInt32LE(Number(value), index * WORD)
    else if (type === 'size_t') values.writeBigUInt64LE(BigInt(value as number | bigint), index * WORD)
    else {
      const { address, next } = place(value, used, lent)
      values.writeUInt32LE(address % 2 ** 32, index * WORD)
      values.writeUInt32LE(Math.floor(address / 2 ** 32), index * WORD + 4)
      used = next
    }
  })
  return lent
}

interface Placed {
  readonly address: number
  /** Where the arena is free from then on; each begins at a multiple of eight. */
  readonly next: number
}

function place(value: NativeArgument, used: number, lent: Lent[]): Placed {
  arena ??= openArena()
  if (typeof value === 'string') {
    // UTF-8 takes at most three bytes for each unit of UTF-16.
    const fits = used + value.length * 3 + 1 <= ARENA_BYTES
    if (!fits) return place(Buffer.from(`${value}\0`), ARENA_BYTES, lent)
    const end = used + arena.bytes.write(value, used)
    arena.bytes[end] = 0
    return { address: arena.address + used, next: align(end + 1) }
  }
  if (!(value instanceof Uint8Array)) return { address: 0, next: used }
  const copies = value.length <= LARGEST_COPIED && used + value.length <= ARENA_BYTES
  lent.push({ bytes: value, at: copies ? used : -1 })
  if (!copies) return { address: addressOf(value), next: used }
  arena.bytes.set(value, used)
  return { address: arena.address + used, next: align(used + Math.max(value.length, 1)) }
}

const align = (at: number): number => (at + WORD - 1) & -WORD

/** By the memory that it is a part of: for as long as that lives it stays where it is. */
const addresses = new WeakMap<ArrayBufferLike, number>()

function addressOf({ buffer, byteOffset }: Uint8Array): number {
  let start = addresses.get(buffer)
  if (start === undefined) {
    start = ffi().ref.address(Buffer.from(buffer))
    addresses.set(buffer, start)
  }
  return start + byteOffset
}

type Library = (name: string) => Uint8Array

/** dlopen(3); what is returned finds functions by name. */
function openLibrary(path: string | null): Library {
  const { bindings, ref } = ffi()
  const { StaticFunctions } = bindings
  const open = prepare(StaticFunctions.dlopen, 'size_t', ['string', 'int'])
  const find = prepare(StaticFunctions.dlsym, 'size_t', ['size_t', 'string'])
  const pointerFrom = (function_: Prepared, types: readonly NativeType[], args: readonly NativeArgument[]): bigint => {
    writeArguments(function_, types, args)
    function_.call()
    return function_.result.readBigUInt64LE(0)
  }
  const handle = pointerFrom(open, ['string', 'int'], [path, RTLD_NOW])
  if (handle === 0n) throw new Error(`dlopen: ${lastError()}`)
  return name => {
    if (pointerFrom(find, ['size_t', 'string'], [handle, name]) === 0n) throw new Error(`dlsym: ${lastError()}`)
    return ref.readPointer(find.result, 0, 0)
  }
}

function lastError(): string {
  const error = prepare(ffi().bindings.StaticFunctions.dlerror, 'size_t', [])
  error.call()
  if (error.result.readBigUInt64LE(0) === 0n) return 'no reason is given'
  const text = Buffer.from(ffi().ref.readPointer(error.result, 0, 256))
  return text.toString('utf8', 0, text.indexOf(0))
}

/**
 * The functions of the table in the shared library at `path` (null: this process), bound lazily.
 * @throws what dlopen or dlsym say, when the library or the function is first needed and missing
 */
export function load<const T extends Readonly<Record<string, Signature>>>(
  path: string | null,
  table: T,
): { readonly [K in keyof T]: NativeFunction } {
  let library: Library | null = null
  const functions: Record<string, NativeFunction> = {}
  for (const [name, [returns, types]] of Object.entries(table)) {
    functions[name] = (...first) => {
      library ??= openLibrary(path)
      const call = bind(prepare(library(name), returns, types), types, returns)
      functions[name] = call
      return call(...first)
    }
  }
  return functions as { readonly [K in keyof T]: NativeFunction }
}

function bind(prepared: Prepared, types: readonly NativeType[], returns: ResultType): NativeFunction {
  return (...args) => {
    const lent = writeArguments(prepared, types, args)
    prepared.call()
    for (const { bytes, at } of lent) if (at >= 0) bytes.set(arenaBytes(at, bytes.length))
    return readResult(prepared.result, returns)
  }
}

function arenaBytes(at: number, length: number): Uint8Array {
  return arena === null ? new Uint8Array(length) : arena.bytes.subarray(at, at + length)
}

/** A size_t beyond 2^53 would lose digits; no address of a process is that large. */
function readResult(result: Buffer, returns: ResultType): number {
  if (returns === 'int') return result.readInt32LE(0)
  if (returns === 'uint32') return result.readUInt32LE(0)
  return returns === 'size_t' ? Number(result.readBigUInt64LE(0)) : 0
}
