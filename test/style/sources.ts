/** The project's own files, for the tests that look at how they are written. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const notOurs = new Set([
  '.git',
  '.tap',
  'dist',
  'native/build',
  'benchmarks/results',
  'prebuilds',
  'test/integration/systems/downloads',
])

export interface Source {
  /** Relative to the project, such as `lib/errors.ts`. */
  readonly path: string
  readonly text: string
}

/** Every file below `folder` that ends in one of `extensions` (all files where there are none), in order of path. */
export function sources(folder: string, ...extensions: readonly string[]): readonly Source[] {
  return filesIn(join(root, folder))
    .map(path => relative(root, path))
    .filter(path => extensions.length === 0 || extensions.includes(extname(path)))
    .sort()
    .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.name === 'node_modules' || notOurs.has(relative(root, path))) return []
    if (entry.isDirectory()) return filesIn(path)
    return entry.isFile() ? [path] : []
  })
}
