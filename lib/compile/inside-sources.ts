/** Sources of bind mounts that are in the root itself, where the mounts before them have a part in what is there. */
import type { Mount } from '../config/config.js'
import type { Work } from './draft.js'
import { cleanPath, isBelow } from './paths.js'

type Known = Pick<Work, 'config' | 'options'>

const hostPath = ({ options }: Known, { source }: Mount): string =>
  source.startsWith('/') ? source : `${options.bundle}/${source}`

/** Where in the root the source of a bind mount is; null for one that is not in it. */
export function placeInRoot(known: Known, mount: Mount): string | null {
  const { options } = known
  const host = hostPath(known, mount)
  return isBelow(host, options.rootfs) ? cleanPath(cleanPath(host).slice(cleanPath(options.rootfs).length)) : null
}

const isAtOrBelow = (path: string, parent: string): boolean => path === parent || isBelow(path, parent)

/** The same, if an earlier mount has a part in it, or it in an earlier mount. */
function placeInMounts(known: Known, mount: Mount): string | null {
  const inside = placeInRoot(known, mount)
  if (inside === null) return null
  const isConcerned = ({ destination }: Mount): boolean => {
    const path = cleanPath(destination)
    return isAtOrBelow(inside, path) || (mount.recursive && isBelow(path, inside))
  }
  return before(known, mount).some(isConcerned) ? inside : null
}

const before = ({ config: { mounts } }: Known, mount: Mount): readonly Mount[] =>
  mounts.slice(0, mounts.indexOf(mount)).filter(({ kind }) => kind !== 'remount')

/** The same as what is at a place in the root, made of what the host has. */
interface Copy {
  /** What is at the place itself. */
  readonly host: string
  /** With what the host has mounted below that. */
  readonly recursive: boolean
  /** Where other mounts of the configuration are below it, relative to it; none is in another. */
  readonly below: readonly string[]
}

/** null if a file system of the configuration itself is there, which the host has nowhere else. */
export function copyOf(known: Known, mount: Mount, inside: string): Copy | null {
  const earlier = before(known, mount)
  const last = earlier.findLastIndex(({ destination }) => isAtOrBelow(inside, cleanPath(destination)))
  const covering = earlier[last]
  const later = mount.recursive ? placesBelow(earlier.slice(last + 1), inside) : []
  if (covering === undefined) {
    return { host: `${known.options.rootfs}${inside}`, recursive: mount.recursive, below: later }
  }
  if (covering.kind !== 'bind') return null
  const rest = inside.slice(cleanPath(covering.destination).length)
  const host = `${hostPath(known, covering)}${rest}`
  const further = placeInMounts(known, covering)
  if (further === null) return { host, recursive: mount.recursive && covering.recursive, below: later }
  const copy = copyOf(known, covering, cleanPath(`${further}${rest}`))
  if (copy === null) return null
  return { ...copy, recursive: copy.recursive && mount.recursive, below: outermost([...later, ...copy.below]) }
}

function placesBelow(mounts: readonly Mount[], inside: string): string[] {
  const paths = mounts.map(({ destination }) => cleanPath(destination)).filter(path => isBelow(path, inside))
  return outermost(paths.map(path => path.slice(inside.length + 1)))
}

const outermost = (places: readonly string[]): string[] =>
  [...new Set(places)].filter(place => !places.some(other => place.startsWith(`${other}/`)))
