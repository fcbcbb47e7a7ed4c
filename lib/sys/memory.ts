import { check } from './errno.js'
import { native } from './native.js'
import { partBytes } from './native-part.js'

/** A memfd with these bytes that nobody can change any more, at its beginning. */
export function sealedMemory(name: string, bytes: Uint8Array): number {
  return check(native().ts_sealed_memfd(name, bytes, bytes.length, 0), 'memfd_create', name)
}

/**
 * The init helper in a sealed memfd, made once per process: what the container can reach through /proc/PID/exe
 * must not be a file of the host that it could write to (CVE-2019-5736).
 */
export function helperExecutable(): number {
  const made = native().ts_helper()
  if (made >= 0) return made
  const bytes = partBytes('tsrun-init')
  const fd = check(native().ts_sealed_memfd('tsrun-init', bytes, bytes.length, 1), 'memfd_create', 'tsrun-init')
  return native().ts_keep_helper(fd)
}

/** `tsrun-layer` (native/layer) in a sealed memfd, so that it runs also from a file system that is mounted noexec. The caller closes it. */
export function layerExecutable(): number {
  const bytes = partBytes('tsrun-layer')
  return check(native().ts_sealed_memfd('tsrun-layer', bytes, bytes.length, 1), 'memfd_create', 'tsrun-layer')
}
