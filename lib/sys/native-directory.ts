/** Where the native parts are: libtsrun.so, and the helper tsrun-init. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '../errors.js'

let chosen: string | null = null

/**
 * For a program that is bundled into one file, and so is somewhere else than the package. For the whole process, worker threads
 * each for their own.
 * @throws {ConfigError} if another directory has been chosen already
 */
export function chooseNativeDirectory(path: string): void {
  const wanted = resolve(path)
  if (chosen !== null && chosen !== wanted) throw chosenAlready(wanted, chosen)
  chosen = wanted
}

function chosenAlready(wanted: string, before: string): ConfigError {
  const expected = `${JSON.stringify(before)}, which an earlier runtime of this process has named`
  const message = `must be ${expected}, but is ${JSON.stringify(wanted)}`
  const issue = { path: '/native', rule: 'tsrun#options', expected, received: JSON.stringify(wanted), message }
  return new ConfigError('ERR_CONFIG_INVALID', [issue])
}

/** Absolute; null: this is a bundle in CommonJS, which can't tell where it is, and nobody has said. */
export function nativeDirectory(): string | null {
  const named = chosen ?? process.env.TSRUN_NATIVE ?? ''
  if (named !== '') return partsBelow(resolve(named)) ?? resolve(named)
  const here: string | undefined = import.meta.url
  if (here === undefined) return null
  // The same from lib/sys, from dist/sys and from dist/cli.
  const root = fileURLToPath(new URL('../..', here))
  return partsBelow(root) ?? join(root, 'native/build')
}

/** Of a package: what was compiled on this machine, or else what it came with. */
const FOLDERS = ['', 'native/build', `prebuilds/linux-${process.arch}`]

/** Where in `path` the parts are: null if they are not there. */
function partsBelow(path: string): string | null {
  const folder = FOLDERS.find(name => existsSync(join(path, name, 'libtsrun.so')))
  return folder === undefined ? null : join(path, folder)
}

/** What somebody can do in whose bundle the native parts are not found. */
export const NATIVE_REMEDY =
  'in a bundled program, set TSRUN_NATIVE, or the option `native` of createRuntime, to the directory of the installed package'

/** What somebody can do whose Node could not load an add-on, by what the loader said. */
export function addOnRemedy(found: string): string {
  if (/failed to map segment/.test(found))
    return 'libraries cannot be loaded from a file system that is mounted noexec: install the package on another one'
  if (/addons is disabled/.test(found))
    return 'leave out --no-addons; --permission of Node takes --allow-addons beside it'
  return `it is compiled by its install script: run \`npm rebuild\` (npm may ask you to allow it first); Yarn 2 and newer need \`nodeLinker: pnpm\`, since their other linkers leave out what the package brings along; ${NATIVE_REMEDY}`
}
