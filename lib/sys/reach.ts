/** Who can reach a place of the host. */
import { realpathSync, statSync } from 'node:fs'
import { viaNode } from './errno.js'

const OTHERS_SEARCH = 0o001

/** Whether users that have no right of their own come to the directory: whether all of those above it let them through. */
export function othersReach(directory: string): boolean {
  return viaNode(() => {
    const parts = realpathSync(directory).split('/').slice(0, -1)
    const above = parts.map((_, index) => parts.slice(0, index + 1).join('/') || '/')
    return above.every(path => (statSync(path).mode & OTHERS_SEARCH) !== 0)
  })
}
