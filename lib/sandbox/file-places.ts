/** Where paths of a sandbox are: in its root, or in one of the few places of the machine that it has. */
import { SystemError } from '../errors.js'
import { openPath } from '../sys/file.js'
import { openRootOf, type RootedPlace } from '../sys/rooted.js'

/** A directory of the machine, at its own path. */
export interface HostedPlace {
  readonly path: string
  readonly isWritable: boolean
}

export interface Entered extends RootedPlace {
  /** Another path in the same root. @throws {SystemError} EXDEV if it is in none or another one */
  other(path: string): string
}

/** `root` of what it returns is the caller's. `changes`: something is to be written. @throws {SystemError} EACCES, EROFS */
export type EnterPlace = (path: string, changes: boolean) => Entered

interface Owner {
  readonly container: { readonly pid: number }
  /** null: it has a root. */
  readonly places: readonly HostedPlace[] | null
}

export function placesFor({ container, places }: Owner): EnterPlace {
  if (places === null) return path => ({ root: openRootOf(container.pid), path, other: found => found })
  return (path, changes) => {
    const place = placeOf(places, path)
    if (place === null) throw refused('EACCES', path, 'it is in no mount and not in the working directory')
    if (changes && !place.isWritable) throw refused('EROFS', path, 'its mount is read-only')
    const other = (found: string): string => {
      if (placeOf(places, found) === place) return within(place, found)
      throw refused('EXDEV', found, 'it is in another place of the sandbox')
    }
    return { root: openPath(place.path, { directory: true }), path: within(place, path), other }
  }
}

const within = ({ path }: HostedPlace, whole: string): string => whole.slice(path.length) || '/'

/** The innermost one. What `..` leads to is in the root of that. */
function placeOf(places: readonly HostedPlace[], path: string): HostedPlace | null {
  const around = places.filter(place => path === place.path || path.startsWith(`${place.path}/`))
  return around.reduce<HostedPlace | null>(
    (best, place) => (place.path.length > (best?.path.length ?? 0) ? place : best),
    null,
  )
}

const refused = (errno: string, path: string, hint: string): SystemError =>
  new SystemError({ syscall: 'openat2', errno, path }, { hint })
