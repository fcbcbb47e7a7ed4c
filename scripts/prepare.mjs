/**
 * npm's `prepare`: builds dist after an install in a clone and before a package is packed. If there is nothing to
 * build from (an installed package) or with (an install without development dependencies) it does nothing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const isClone = existsSync(join(root, 'lib', 'index.ts'))
const hasCompiler = existsSync(join(root, 'node_modules', 'typescript', 'package.json'))

/** tap is built from the plugins that .taprc names; with its own TypeScript plugin a test file takes seconds to load. */
function buildTap() {
  const tap = join(root, 'node_modules', '.bin', 'tap')
  if (existsSync(tap)) spawnSync(tap, ['build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
}

if (isClone && hasCompiler) {
  process.exitCode = spawnSync('npm', ['run', '--silent', 'build:ts'], { cwd: root, stdio: 'inherit' }).status ?? 1
  if (!['pack', 'publish'].includes(process.env.npm_command)) buildTap()
} else if (isClone) {
  console.error('tsrun: TypeScript is not installed, dist is left as it is')
}
