/**
 * Compiles the add-ons of the bundled packages, if the package has none that can be loaded here. They have no install script
 * of their own in it (prepack.mjs).
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { BuildFailure, HOW_TO_COMPILE, root } from './native-parts.mjs'

const PACKAGES = ['ffi-napi', 'ref-napi', '@2060.io/ref-napi']

const { CC = 'cc', CXX = 'c++', PYTHON = 'python3' } = process.env
const TOOLS = { 'C compiler': CC, 'C++ compiler': CXX, make: 'make', python3: PYTHON }

const isThere = command => spawnSync(command.split(/\s+/)[0], ['--version'], { stdio: 'ignore' }).error === undefined

function canBeLoaded(folder) {
  try {
    createRequire(`${folder}/`)('node-gyp-build')(folder)
    return true
  } catch {
    return false
  }
}

function compile(folder) {
  const { error, status } = spawnSync('node-gyp', ['rebuild'], { cwd: folder, stdio: 'inherit' })
  if (error?.code === 'ENOENT')
    throw new BuildFailure('tsrun: node-gyp was not found, which comes with npm: run "npm rebuild"')
  if (error || status !== 0) throw new BuildFailure(`tsrun: node-gyp failed in ${folder}\n${HOW_TO_COMPILE}`)
}

/** @throws {BuildFailure} which names all that is missing, and the packages that have it */
export function buildAddOns() {
  const folders = PACKAGES.map(name => join(root, 'node_modules', name)).filter(existsSync)
  const wanted = folders.filter(folder => !canBeLoaded(folder))
  if (wanted.length === 0) return
  const missing = Object.keys(TOOLS).filter(name => !isThere(TOOLS[name]))
  if (missing.length > 0) {
    const machine = `${process.platform}-${process.arch}`
    throw new BuildFailure(`tsrun: this package has nothing that was compiled for ${machine}, and to compile it there is no ${missing.join(', no ')}.
${HOW_TO_COMPILE}`)
  }
  for (const folder of wanted) compile(folder)
}
