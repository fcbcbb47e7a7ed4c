/** Digests as images name their parts by: `sha256:` and 64 hexadecimal digits (image-spec, descriptor.md). */
import { ImageError } from '../errors.js'

const DIGEST = /^sha256:([0-9a-f]{64})$/
const ANY_DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/

export const DIGEST_EXPECTED = 'sha256: and 64 lower-case hexadecimal digits'

export const isDigest = (text: string): boolean => DIGEST.test(text)

/** The digits, which are a name of a file too. @throws {ImageError} ERR_IMAGE_INVALID, with the place that it stands at */
export function hexOf(digest: string, path = ''): string {
  const [, hex] = DIGEST.exec(digest) ?? []
  if (hex !== undefined) return hex
  const other = ANY_DIGEST.test(digest) ? `the algorithm of ${digest} is not supported` : 'is no digest'
  throw new ImageError('ERR_IMAGE_INVALID', `${path === '' ? JSON.stringify(digest) : path}: ${other}`, {
    path,
    expected: DIGEST_EXPECTED,
  })
}

/** @throws {ImageError} ERR_IMAGE_DIGEST unless they are the same */
export function checkDigest({ what, wanted, found }: { what: string; wanted: string; found: string }): void {
  if (wanted === found) return
  throw new ImageError('ERR_IMAGE_DIGEST', `${what}: the content has the digest ${found}, not ${wanted}`, {
    expected: wanted,
  })
}
