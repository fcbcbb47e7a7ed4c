/**
 * npm's `prepack`: makes all that the package carries and git does not, or fails. After it npm runs `prepare`, which builds
 * dist. `node prepack.mjs --undo`, which is `postpack`, leaves the bundled packages as they were.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BuildFailure, root } from './native-parts.mjs'
import { ADD_ONS, addOnFolders, modules, prebuild } from './prebuild.mjs'

/** What is packed of libffi: all that it compiles on Linux. */
const LIBFFI = ['LICENSE', 'libffi.gyp', 'include', 'config/linux', 'src/*.c', 'src/*.h']
  .concat(['aarch64', 'arm', 's390', 'x86'].map(processor => `src/${processor}`))
  .map(name => `deps/libffi/${name}`)

const FILES = ['binding.gyp', 'include', 'lib', 'prebuilds', 'src', 'types', ...LIBFFI]

const bundled = ADD_ONS.flatMap(({ folders }) => folders).map(name => join(modules, name, 'package.json'))
const kept = path => `${path}.unpacked`

/**
 * npm packs all of a bundled package, also what was compiled here, unless its package.json names files. Its install script,
 * for which npm would ask, has nothing to do: ours compiles if something is missing (without `gypfile` npm would run node-gyp
 * for a package with a binding.gyp). Not written in place: the file may be shared with other trees (`cp -l`).
 */
function stage(path) {
  const { scripts: _, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, `${JSON.stringify({ ...rest, gypfile: false, files: FILES }, null, 2)}\n`)
  renameSync(path, kept(path))
  renameSync(temporary, path)
}

function undo() {
  for (const folder of addOnFolders) rmSync(folder, { recursive: true, force: true })
  for (const path of bundled) if (existsSync(kept(path))) renameSync(kept(path), path)
}

/** Modes are in the package, and npm takes them from the files: they must not depend on somebody's umask. */
function setModes(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o755)
  }
}

function pack() {
  const { bundleDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const absent = ['typescript', 'esbuild', ...bundleDependencies].filter(
    name => !existsSync(join(root, 'node_modules', name)),
  )
  if (absent.length > 0)
    throw new BuildFailure(`tsrun: cannot be packed without ${absent.join(', ')}: run "npm ci" first`)
  const native = spawnSync(process.execPath, [join(root, 'scripts', 'native.mjs')], { stdio: ['ignore', 2, 2] })
  if (native.status !== 0) throw new BuildFailure('tsrun: the native parts could not be built')
  undo()
  prebuild()
  for (const folder of [join(root, 'prebuilds'), ...addOnFolders]) setModes(folder)
  for (const path of bundled) stage(path)
}

try {
  if (process.argv[2] === '--undo') undo()
  else pack()
} catch (error) {
  undo()
  if (!(error instanceof BuildFailure)) throw error
  console.error(error.message)
  process.exitCode = 1
}
