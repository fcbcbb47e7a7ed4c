import { builtin } from './builtin.js'

/** SHA-256 of the parts, one after the other; text as UTF-8. In lower-case hexadecimal. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const { createHash } = builtin('node:crypto') as typeof import('node:crypto')
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** A SHA-256 that grows with what is added. */
export interface RunningHash {
  add(bytes: Uint8Array): void
  /** Of what has been added so far, in lower-case hexadecimal; more can be added. */
  hex(): string
}

export function runningSha256(): RunningHash {
  const { createHash } = builtin('node:crypto') as typeof import('node:crypto')
  const hash = createHash('sha256')
  return { add: bytes => void hash.update(bytes), hex: () => hash.copy().digest('hex') }
}
