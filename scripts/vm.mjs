/**
 * `npm run test:vm`: runs test/vm in a virtual machine, and prints TAP. Arguments name the files to run (default: all).
 *
 * The project brings no virtual machine. TSRUN_VM_RUNNER names a command that is called as `RUNNER -s DIRECTORY [-s ANOTHER] COMMAND`:
 * it boots a machine with systemd, cgroup v2 alone and Node, shares the directories at the same paths, runs the shell command as
 * root and exits with its status. Default: `../shared/vm/vm.sh` beside the checkout. A `setup.sh` beside the runner is called first:
 * it prepares the machine, or finds that it is there. Without a runner, or if the machine can't be prepared, nothing is run.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LIMITS = { setup: 6 * 60_000, run: 20 * 60_000 }
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const runner = process.env.TSRUN_VM_RUNNER || join(root, '..', 'shared', 'vm', 'vm.sh')

function skip(why) {
  console.log(`# no test was run in a virtual machine: ${why}`)
  process.exit(0)
}

function fail(title, text) {
  console.log(['not ok - test/vm', title].join(': '))
  console.log(['  ---', ...text.trimEnd().split('\n'), '  ...'].join('\n  '))
  process.exit(1)
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`

if (!existsSync(runner)) {
  if (process.env.TSRUN_VM_RUNNER) fail('TSRUN_VM_RUNNER names no file', runner)
  skip('set TSRUN_VM_RUNNER to a command that runs one (see scripts/vm.mjs)')
}
if (!existsSync(join(root, 'dist', 'index.js'))) fail('tsrun has not been built', 'run `npm run build`')

const setup = join(dirname(runner), 'setup.sh')
if (existsSync(setup)) {
  const { status, stdout, stderr } = spawnSync(setup, { timeout: LIMITS.setup, encoding: 'utf8' })
  if (status !== 0) skip(`it could not be prepared (${setup}):\n${stdout}${stderr}`.trimEnd().replaceAll('\n', '\n# '))
}

const files = process.argv.slice(2).map(quoted).join(' ')
// How much the test of out-of-memory tries.
const { OOM_ROUNDS: rounds = '' } = process.env
const command = `cd ${quoted(root)} && OOM_ROUNDS=${quoted(rounds)} node test/vm/run.mjs ${files}`
/** With the CRIU of .ci/newer-criu, if there is one: the machine has none. */
const folders = [root, '/usr/local/lib/criu-unstable'].filter(folder => existsSync(folder))
/** One boot: the exit status, or the signal, and what the tests have printed. */
function boot() {
  const machine = spawn(runner, [...folders.flatMap(folder => ['-s', folder]), command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const timer = setTimeout(() => machine.kill('SIGTERM'), LIMITS.run)
  let output = ''
  machine.stdout.setEncoding('utf8').on('data', text => {
    output += text
  })
  return new Promise(resolve => {
    machine.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, output, isWhole: /^1\.\.\d+$/m.test(output) })
    })
  })
}

/**
 * What the runner exits with if the machine gave no result: its kernel died, which an emulated one does now and then. A second
 * boot is only for a machine that died before it printed a line: nothing of ours had run in it. Later a container may be
 * the cause, and the death of the machine is a failure of the tests.
 */
const NO_RESULT = 125
let result = await boot()
if (result.output === '' && result.status === NO_RESULT) {
  console.log('# the virtual machine died before the first test: once more')
  result = await boot()
}
process.stdout.write(result.output)
if (!result.isWhole) {
  fail('the tests did not come to their end', `the virtual machine: ${result.signal ?? `exit status ${result.status}`}`)
}
process.exitCode = result.status === 0 ? 0 : 1
