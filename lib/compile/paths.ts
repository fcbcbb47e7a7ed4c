/** Paths in the container, by their text alone: links are resolved in the root by the helper. */

/** Absolute, without ".", ".." and doubled slashes. */
export function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** True if `path` is in the directory `parent`, at any depth. */
export function isBelow(path: string, parent: string): boolean {
  return cleanPath(path).startsWith(parent === '/' ? '/' : `${cleanPath(parent)}/`)
}

/** Places in the container, which a path is compared with in the time that its depth takes, however many there are. */
export interface Places {
  add(path: string): void
  /** One of them is `path`, or above it. */
  hasAt(path: string): boolean
  /** One of them is in the directory `path`. */
  hasBelow(path: string): boolean
}

export function newPlaces(): Places {
  const places = new Set<string>()
  const above = new Set<string>()
  return {
    add(path) {
      const [place = '/', ...rest] = pathAndAbove(path)
      places.add(place)
      for (const each of rest) above.add(each)
    },
    hasAt: path => pathAndAbove(path).some(each => places.has(each)),
    hasBelow: path => above.has(cleanPath(path)),
  }
}

/** The path, clean, and the directories that it is in, up to the root. */
function pathAndAbove(path: string): string[] {
  const found: string[] = []
  for (let place = cleanPath(path); place !== '/'; place = parentOf(place)) found.push(place)
  return [...found, '/']
}

/** The directory that an absolute path is in. */
export function parentOf(path: string): string {
  const clean = cleanPath(path)
  return clean.slice(0, clean.lastIndexOf('/')) || '/'
}
