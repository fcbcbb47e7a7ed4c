/**
 * The only door to ffi-napi. Loading it costs 14 ms, so nothing is loaded before the first call,
 * and a function is bound when it is first used.
 */
import { HostError } from '../errors.js'
import { loadFfi } from './ffi-package.js'

export type NativeType = 'void' | 'int' | 'uint' | 'uint32' | 'int64' | 'uint64' | 'size_t' | 'string' | 'pointer'
export type Signature = readonly [returns: NativeType, args: readonly NativeType[]]
/** What may be passed: a Uint8Array is passed as a pointer to its bytes, null as NULL. */
export type NativeArgument = number | bigint | string | Uint8Array | null
export type NativeFunction = (...args: NativeArgument[]) => number

type ForeignFunction = (...args: unknown[]) => number

interface Ffi {
  DynamicLibrary: new (path: string | null, flags?: number) => { get(name: string): unknown }
  ForeignFunction: new (pointer: unknown, returns: string, args: readonly string[]) => ForeignFunction
}

let loaded: Ffi | null = null

/** @throws {HostError} ERR_HOST_KERNEL where the package has not been compiled */
function ffi(): Ffi {
  loaded ??= loadPackage()
  return loaded
}

function loadPackage(): Ffi {
  try {
    return loadFfi() as Ffi
  } catch (cause) {
    const [found = ''] = String(cause).split('\n')
    const remedy = 'it is compiled by its install script: run `npm rebuild` (npm may ask you to allow it first)'
    throw new HostError('ERR_HOST_KERNEL', { needs: 'the compiled package ffi-napi', found, remedy }, { cause })
  }
}

const toNative = (value: NativeArgument): unknown =>
  value instanceof Uint8Array && !Buffer.isBuffer(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value

/**
 * The functions of the table in the shared library at `path` (null: this process), bound lazily.
 * @throws what dlopen or dlsym say, when the library or the function is first needed and missing
 */
export function load<const T extends Readonly<Record<string, Signature>>>(
  path: string | null,
  table: T,
): { readonly [K in keyof T]: NativeFunction } {
  let library: InstanceType<Ffi['DynamicLibrary']> | null = null
  const functions: Record<string, NativeFunction> = {}
  for (const [name, [returns, args]] of Object.entries(table)) {
    functions[name] = (...first) => {
      const { DynamicLibrary, ForeignFunction } = ffi()
      library ??= new DynamicLibrary(path)
      const bound = new ForeignFunction(library.get(name), returns, args)
      const call: NativeFunction = (...values) => bound(...values.map(toNative))
      functions[name] = call
      return call(...first)
    }
  }
  return functions as { readonly [K in keyof T]: NativeFunction }
}
