/** The parts of node:crypto that lib uses. */
import { host } from './host.js'
import { Buffer } from './node-buffer.js'
import { succeed } from './tables.js'

interface Hash {
  update(data: string | Uint8Array): Hash
  digest(encoding: 'hex'): string
}

/** SHA-256 only. */
export function createHash(algorithm: string): Hash {
  if (algorithm !== 'sha256') throw new Error(`Digest method not supported: ${algorithm}`)
  const parts: Uint8Array[] = []
  const hash: Hash = {
    update: data => {
      parts.push(typeof data === 'string' ? host.encode(data) : data)
      return hash
    },
    digest: encoding => Buffer.from(host.sha256(Buffer.concat(parts))).toString(encoding),
  }
  return hash
}

export const crypto = {
  getRandomValues: <T extends Uint8Array>(bytes: T): T => {
    succeed(host.random(bytes), { syscall: 'getrandom' })
    return bytes
  },
}
