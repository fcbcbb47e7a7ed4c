/** What of the host a benchmark may have left. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const linesOf = path =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')

/** The names of the folders below `path`, at any depth; none if there is no such folder, and what others remove meanwhile is left out. */
export function foldersIn(path) {
  try {
    const folders = readdirSync(path, { withFileTypes: true }).filter(entry => entry.isDirectory())
    return folders.flatMap(({ name }) => [name, ...foldersIn(join(path, name))])
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENODEV') return []
    throw error
  }
}

/** Where each hierarchy is mounted. */
export const mountsOfCgroups = () =>
  linesOf('/proc/self/mountinfo')
    .filter(line => / - cgroup2? /.test(line))
    .map(line => line.split(' ')[4])

/** How many cgroups have such a name, in all hierarchies. */
export const cgroupsWith = isOurs => mountsOfCgroups().flatMap(foldersIn).filter(isOurs).length
