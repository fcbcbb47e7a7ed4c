/** Where a path of a container leads, by the links in its root. For names only: what is opened goes another way. */
import { isErrno } from '../sys/errno.js'
import { readLink } from '../sys/file.js'

const MOST_LINKS = 40

/** As an absolute path in the root; what is not there is taken as it is written. */
export function resolveIn(root: string, path: string): string {
  let [rest, found, links] = [path.split('/'), [] as string[], 0]
  while (rest.length > 0) {
    const [name = '', ...others] = rest
    rest = others
    if (name === '' || name === '.') continue
    if (name === '..') {
      found = found.slice(0, -1)
      continue
    }
    const target = linkAt(`${root}/${[...found, name].join('/')}`)
    if (target === null || ++links > MOST_LINKS) {
      found = [...found, name]
      continue
    }
    if (target.startsWith('/')) found = []
    rest = [...target.split('/'), ...rest]
  }
  return `/${found.join('/')}`
}

/** null: it is no link. */
function linkAt(path: string): string | null {
  try {
    return readLink(path)
  } catch (error) {
    if (isErrno(error)) return null
    throw error
  }
}
