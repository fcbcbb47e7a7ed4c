import { check } from './errno.js'
import { readBytes } from './file.js'
import { native, nativePart } from './native.js'

/** A memfd with these bytes that nobody can change any more, at its beginning. */
export function sealedMemory(name: string, bytes: Uint8Array): number {
  return check(native().ts_sealed_memfd(name, bytes, bytes.length, 0), 'memfd_create', name)
}

let helper: number | null = null

/**
 * The init helper in a sealed memfd, made once per process: what the container can reach through /proc/PID/exe
 * must not be a file of the host that it could write to (CVE-2019-5736).
 */
export function helperExecutable(): number {
  if (helper === null) {
    const bytes = readBytes(nativePart('tsrun-init'))
    helper = check(native().ts_sealed_memfd('tsrun-init', bytes, bytes.length, 1), 'memfd_create', 'tsrun-init')
  }
  return helper
}
