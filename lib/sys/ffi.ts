/**
 * The only door to ffi-napi. Loading it costs 14 ms, so nothing is loaded before the first call. Calls go straight to libffi
 * through its bindings: ffi-napi's own conversions allocate for each argument, which costs ten to twenty times as much. All of
 * them go through one function of ours (native/sys/call.c), the only one that libffi is prepared for (docs/decisions).
 */
import { HostError } from '../errors.js'
import { type FfiPackage, loadFfi } from './ffi-package.js'
import { addOnRemedy } from './native-directory.js'
import { nativePart } from './native-part.js'

/** `size_t` also stands for an opaque pointer of C. */
export type NativeType = 'int' | 'uint32' | 'size_t' | 'string' | 'pointer'
export type ResultType = 'void' | 'int' | 'uint32' | 'size_t'
export type Signature = readonly [returns: ResultType, args: readonly NativeType[]]
/** What may be passed: a Uint8Array is passed as a pointer to its bytes, null as NULL. */
export type NativeArgument = number | bigint | string | Uint8Array | null
export type NativeFunction = (...args: NativeArgument[]) => number

const FFI_NAMES = { int: 'int32', size_t: 'uint64', string: 'pointer', pointer: 'pointer' } as const
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
    const needs = 'the compiled package ffi-napi'
    throw new HostError('ERR_HOST_INSTALL', { needs, found, remedy: addOnRemedy(found) }, { cause })
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

/** What it returns is taken for 64 bits. */
function prepare(code: Uint8Array, ...args: (keyof typeof FFI_NAMES)[]): Prepared {
  const { bindings, ref } = ffi()
  const size = Math.max(args.length, 1) * WORD
  const [values, pointers, types] = [Buffer.alloc(size), Buffer.alloc(size), Buffer.alloc(size)]
  const first = BigInt(ref.address(values))
  args.forEach((type, index) => {
    pointers.writeBigUInt64LE(first + BigInt(index * WORD), index * WORD)
    ref.writePointer(types, index * WORD, typeOf(type))
  })
  const cif = Buffer.alloc(bindings.FFI_CIF_SIZE)
  const status = bindings.ffi_prep_cif(cif, args.length, typeOf('size_t'), types, bindings.FFI_DEFAULT_ABI)
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

const ARENA_BYTES = 256 * 1024
/** Beyond it are the bytes of a program that we run, which are passed once. */
const LARGEST_COPIED = 64 * 1024
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
function writeArguments(values: Buffer, types: readonly NativeType[], args: readonly NativeArgument[]): Lent[] {
  const lent: Lent[] = []
  let used = 0
  types.forEach((type, index) => {
    const value = args[index] ?? 0
    if (type === 'int' || type === 'uint32') writeInteger(values, index * WORD, type, Number(value))
    else if (type === 'size_t') values.writeBigUInt64LE(BigInt(value as number | bigint), index * WORD)
    else {
      const { address, next } = place(value, used, lent)
      writeAddress(values, index * WORD, address)
      used = next
    }
  })
  return lent
}

function writeAddress(values: Buffer, at: number, address: number): void {
  values.writeUInt32LE(address % 2 ** 32, at)
  values.writeUInt32LE(Math.floor(address / 2 ** 32), at + 4)
}

/** Its sign fills the register, as RISC-V wants it of both types; the other machines do not look there. */
function writeInteger(values: Buffer, at: number, type: 'int' | 'uint32', value: number): void {
  if (type === 'int') values.writeInt32LE(value, at)
  else values.writeUInt32LE(value, at)
  values.writeInt32LE((value | 0) >> 31, at + 4)
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

/** The address of a function. */
type Library = (name: string) => number

/** As native/sys/call.c has it. */
const MOST_ARGUMENTS = 9

/** Whatever this thread needs of the add-ons; the rest is reading and writing memory. */
interface Door {
  /** dlopen(3) and dlsym(3). */
  open(path: string | null): Library
  /** Where the function's address is written, and after it its arguments. */
  readonly words: Buffer
  readonly caller: Prepared
}

let door: Door | null = null

function openDoor(): Door {
  const { bindings, ref } = ffi()
  const opener = prepare(bindings.StaticFunctions.dlopen, 'string', 'int')
  const finder = prepare(bindings.StaticFunctions.dlsym, 'size_t', 'string')
  const open = (path: string | null): Library => {
    const handle = addressFrom(opener, ['string', 'int'], [path, RTLD_NOW])
    if (handle === 0) throw new Error(`dlopen: ${lastError()}`)
    return name => {
      const found = addressFrom(finder, ['size_t', 'string'], [handle, name])
      if (found === 0) throw new Error(`dlsym: ${lastError()}`)
      return found
    }
  }
  open(nativePart('libtsrun.so'))('ts_call')
  const caller = prepare(ref.readPointer(finder.result, 0, 0), 'pointer')
  const words = Buffer.alloc((1 + MOST_ARGUMENTS) * WORD)
  writeAddress(caller.values, 0, ref.address(words))
  return { open, words, caller }
}

function addressFrom(prepared: Prepared, types: readonly NativeType[], args: readonly NativeArgument[]): number {
  writeArguments(prepared.values, types, args)
  prepared.call()
  return Number(prepared.result.readBigUInt64LE(0))
}

function lastError(): string {
  const error = prepare(ffi().bindings.StaticFunctions.dlerror)
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
      door ??= openDoor()
      library ??= door.open(path)
      const call = bind(door, library(name), types, returns)
      functions[name] = call
      return call(...first)
    }
  }
  return functions as { readonly [K in keyof T]: NativeFunction }
}

function bind(
  { words, caller }: Door,
  address: number,
  types: readonly NativeType[],
  returns: ResultType,
): NativeFunction {
  const values = words.subarray(WORD)
  return (...args) => {
    writeAddress(words, 0, address)
    const lent = writeArguments(values, types, args)
    caller.call()
    for (const { bytes, at } of lent) if (at >= 0) bytes.set(arenaBytes(at, bytes.length))
    return readResult(caller.result, returns)
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
