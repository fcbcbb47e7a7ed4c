import { builtin } from './builtin.js'

/** SHA-256 of the parts, one after the other; text as UTF-8. In lower-case hexadecimal. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const { createHash } = builtin('node:crypto') as typeof import('node:crypto')
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
