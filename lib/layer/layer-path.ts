/** Names of a layer: bytes (latin1), relative to its root. */
import { LayerError } from '../errors.js'
import { keepLimit, type Limits, shown } from './layer-limits.js'

const unsafe = (path: string, message: string): LayerError =>
  new LayerError('ERR_LAYER_UNSAFE', message, { entry: shown(path) })

/**
 * The path without `.` and without empty parts; "" is the root of the layer.
 * @throws {LayerError} ERR_LAYER_UNSAFE for a path that is absolute or has `..` or a NUL; ERR_LAYER_LIMIT if it is too long or too deep
 */
export function layerPath(name: string, limits: Limits): string {
  // The name of the root, as some tools write it.
  if (name === '/') return ''
  if (name === '') throw unsafe(name, 'an entry has no name')
  if (name.startsWith('/')) throw unsafe(name, 'the name is absolute; names in a layer are relative to its root')
  if (name.includes('\0')) throw unsafe(name, 'the name has a NUL')
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..')) throw unsafe(name, 'the name has "..", which may lead out of the layer')
  const path = parts.join('/')
  keepLimit(limits, { name: 'path', value: path.length, entry: path })
  keepLimit(limits, { name: 'depth', value: parts.length, entry: path })
  for (const part of parts) keepLimit(limits, { name: 'name', value: part.length, entry: path })
  return path
}

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** What a path asks for (image-spec, layer.md, "Whiteouts"). */
export interface Meaning {
  readonly what: 'entry' | 'whiteout' | 'opaque'
  /** Of what is made, is gone, or hides what is below it. */
  readonly path: string
}

/** @throws {LayerError} ERR_LAYER_UNSAFE for a whiteout of nothing, of `.` or `..`, or one that is a directory */
export function meaningOf(path: string, isFile: boolean): Meaning {
  if (!path.includes(WHITEOUT)) return { what: 'entry', path }
  const slash = path.lastIndexOf('/')
  const [folder, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)]
  if (folder.split('/').some(part => part.startsWith(WHITEOUT))) throw unsafe(path, 'it is below a whiteout')
  if (!name.startsWith(WHITEOUT)) return { what: 'entry', path }
  if (!isFile) throw unsafe(path, 'a whiteout must be an empty file')
  if (name === OPAQUE) return { what: 'opaque', path: folder }
  const gone = name.slice(WHITEOUT.length)
  if (gone === '' || gone === '.' || gone === '..') throw unsafe(path, 'a whiteout of ".", ".." or of nothing')
  if (gone.startsWith(WHITEOUT)) throw unsafe(path, 'names that begin with ".wh..wh." are reserved')
  return { what: 'whiteout', path: folder === '' ? gone : `${folder}/${gone}` }
}
