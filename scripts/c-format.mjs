/**
 * Checks that the C sources are formatted as .clang-format says; `--write` formats them.
 * If clang-format is not installed it says so and passes, but with MUST_RUN=1 it fails.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
// Version 14 first: others break lines differently here and there, and one has to decide.
const names = ['clang-format-14', 'clang-format']

const files = ['native', 'benchmarks', 'test'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true })
    .filter(name => /\.[ch]$/.test(name) && !name.startsWith('build/') && !/(node_modules|downloads)\//.test(name))
    .map(name => join(folder, name)),
)

const program = names.find(name => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
const isWriting = process.argv.includes('--write')

if (program === undefined) {
  console.error(`c-format: ${names.join(' or ')} is not installed, the C sources were not looked at`)
  process.exitCode = process.env.MUST_RUN === '1' ? 1 : 0
} else if (files.length > 0) {
  const options = isWriting ? ['-i'] : ['--dry-run', '--Werror']
  process.exitCode = spawnSync(program, [...options, ...files], { cwd: root, stdio: 'inherit' }).status ?? 1
}
