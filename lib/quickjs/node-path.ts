/** The part of node:path that lib uses. */
import { process } from './node-process.js'

export function resolve(...paths: readonly string[]): string {
  let whole = ''
  for (const path of paths.toReversed()) {
    if (path !== '') whole = whole === '' ? path : `${path}/${whole}`
    if (whole.startsWith('/')) break
  }
  return `/${cleanParts(whole.startsWith('/') ? whole : `${process.cwd()}/${whole}`).join('/')}`
}

/** The parts without `.`, and without `..` if something is before it. */
function cleanParts(path: string): readonly string[] {
  const isAbsolute = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/').filter(name => name !== '' && name !== '.')) {
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (!isAbsolute) parts.push('..')
  }
  return parts
}

/** A slash at the end stays. */
function normalize(path: string): string {
  const inner = cleanParts(path).join('/')
  const end = path.endsWith('/') ? '/' : ''
  if (path.startsWith('/')) return inner === '' ? '/' : `/${inner}${end}`
  return inner === '' ? `.${end}` : inner + end
}

export const join = (...paths: readonly string[]): string => normalize(paths.filter(path => path !== '').join('/'))

const withoutSlashes = (path: string): string => path.replace(/\/+$/, '')

export function basename(path: string): string {
  const bare = withoutSlashes(path)
  return bare.slice(bare.lastIndexOf('/') + 1)
}

export function dirname(path: string): string {
  const bare = withoutSlashes(path)
  if (bare === '') return path.startsWith('/') ? '/' : '.'
  const end = bare.lastIndexOf('/')
  if (end < 0) return '.'
  // As Node has it: slashes before the last part stay.
  return end === 0 ? '/' : path.startsWith('/') && end === 1 ? '//' : bare.slice(0, end)
}
