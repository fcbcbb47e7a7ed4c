/**
 * Runs the tests of this folder, as root, on a machine that is there for nothing else: systemd is its init system and has
 * all controllers of cgroup v2. Arguments name the files to run (default: all).
 */
import { readdirSync } from 'node:fs'
import { runTests } from './tap.mjs'

// From here on a machine that dies has failed a test (scripts/vm.mjs).
console.log('# the machine is up')

const wanted = process.argv.slice(2)
const files = readdirSync(new URL('.', import.meta.url)).filter(name => name.endsWith('.test.mjs'))
for (const name of files.sort()) {
  if (wanted.length === 0 || wanted.some(part => name.startsWith(part))) await import(`./${name}`)
}
process.exitCode = (await runTests()) > 0 ? 1 : 0
