import { existsSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { nativeDirectory } from './native-directory.js'

/** The parts of ffi-napi and ref-napi that calls are made with. */
export interface FfiPackage {
  /** libffi itself, below the conversions of ffi-napi. */
  readonly bindings: {
    readonly FFI_TYPES: Readonly<Record<string, Uint8Array>>
    readonly FFI_CIF_SIZE: number
    readonly FFI_DEFAULT_ABI: number
    readonly FFI_OK: number
    readonly StaticFunctions: { readonly dlopen: Uint8Array; readonly dlsym: Uint8Array; readonly dlerror: Uint8Array }
    ffi_prep_cif(cif: Uint8Array, count: number, returns: Uint8Array, args: Uint8Array, abi: number): number
    ffi_call(cif: Uint8Array, code: Uint8Array, result: Uint8Array, args: Uint8Array): void
  }
  readonly ref: {
    address(buffer: Uint8Array): number
    readPointer(buffer: Uint8Array, offset: number, length: number): Uint8Array
    writePointer(buffer: Uint8Array, offset: number, to: Uint8Array): void
  }
}

/** The add-on of each package, and how it is found from here: by way of the packages that depend on it. */
const ADD_ONS = [
  { chain: ['ffi-napi'], file: 'ffi_bindings.node' },
  { chain: ['ffi-napi', '@2060.io/ref-napi'], file: 'binding.node' },
  { chain: ['ref-napi'], file: 'binding.node' },
] as const

/** Loads the packages. The command has them in its own file, so its build replaces this function (scripts/bundle.mjs). */
export function loadFfi(): FfiPackage {
  // From there rather than from this module, which may be part of a bundle that is anywhere.
  const from = `${nativeDirectory() ?? ''}/`
  const require = createRequire(from)
  if (!isMainThread) for (const addOn of ADD_ONS) pin(from, addOn)
  return { bindings: require('ffi-napi/lib/bindings'), ref: require('ref-napi') } as FfiPackage
}

/** dlopen(3): the library stays where it is after it has been closed. */
const RTLD_NODELETE = 0x1000
const RTLD_LAZY = 1

/**
 * Node unloads an add-on with the last thread that has loaded it. These two still have calls to come then (what they gave to
 * libuv and to the garbage collector), and bring the process down. The package finds what is loaded here in the cache: each time
 * that an add-on begins is a moment at which it can't bear the end of its worker.
 */
function pin(from: string, { chain, file }: (typeof ADD_ONS)[number]): void {
  const { cache } = createRequire(from)
  const owner = chain.reduce((at, name) => createRequire(at).resolve(`${name}/package.json`), from)
  const built = `${dirname(owner)}/build/Release/${file}`
  const path = existsSync(built) ? built : createRequire(owner)('node-gyp-build').path(dirname(owner))
  if (cache[path] !== undefined) return
  const module = new Module(path)
  process.dlopen(module, path, RTLD_LAZY | RTLD_NODELETE)
  module.loaded = true
  cache[path] = module
}
