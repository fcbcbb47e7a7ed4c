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

/** True where `path` is in the directory `parent`, at any depth. */
export function isBelow(path: string, parent: string): boolean {
  return cleanPath(path).startsWith(parent === '/' ? '/' : `${cleanPath(parent)}/`)
}

/** The directory that an absolute path is in. */
export function parentOf(path: string): string {
  const clean = cleanPath(path)
  return clean.slice(0, clean.lastIndexOf('/')) || '/'
}
