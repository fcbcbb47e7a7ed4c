/**
 * Takes out of dist what no source is there for any more: it would be packed, and could still be imported. Part of `npm run build`,
 * after the compiler, so that nobody finds a file missing that is about to be made again.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What scripts/bundle.mjs makes, which takes out its own older programs; the number is of a file that is being written. */
const OF_THE_COMMAND =
  /^cli\/(LICENSES\.txt|tsrun\.cjs|(program|whole)-[0-9a-f]+\.js((\.looks)?\.cache|\.calls)?)(\.\d+)?$/

function isMade(name, lib) {
  if (name.startsWith('cli/')) return OF_THE_COMMAND.test(name)
  const source = name.replace(/(\.d)?\.[jt]s$/, '.ts')
  return source !== name && existsSync(join(lib, source))
}

/** `dist`, `lib`: the folders. Folders that are empty then go too. */
export function prune(dist, lib) {
  const entries = readdirSync(dist, { recursive: true, withFileTypes: true })
  const pathOf = entry => join(entry.parentPath ?? entry.path, entry.name)
  const nameOf = entry => pathOf(entry).slice(dist.length + 1)
  for (const entry of entries) if (!entry.isDirectory() && !isMade(nameOf(entry), lib)) rmSync(pathOf(entry))
  // The deepest first.
  const folders = entries.filter(entry => entry.isDirectory()).map(pathOf)
  for (const folder of folders.sort().reverse()) if (readdirSync(folder).length === 0) rmdirSync(folder)
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))
if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) prune(join(root, 'dist'), join(root, 'lib'))
