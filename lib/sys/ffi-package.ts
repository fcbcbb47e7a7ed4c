import { createRequire } from 'node:module'
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

/** Loads the packages. The command has them in its own file, so its build replaces this function (scripts/bundle.mjs). */
export function loadFfi(): FfiPackage {
  // From there rather than from this module, which may be part of a bundle that is anywhere.
  const require = createRequire(`${nativeDirectory() ?? ''}/`)
  return { bindings: require('ffi-napi/lib/bindings'), ref: require('ref-napi') } as FfiPackage
}
