/**
 * `npm run demo`, as root: builds what has to be built, then runs a container step by step and says what happens.
 * Its root file system is made of directories of this machine, bound read-only, so that nothing is downloaded.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const command = join(root, 'dist', 'cli', 'tsrun.cjs')

const PROGRAM = `
echo "   | I am process $$ on the host $(hostname)."
echo "   | My root has: $(echo /*)"
touch /usr/x 2>/dev/null || echo "   | I can't write to /usr."
echo "   | Now I sleep for an hour."
exec sleep 3600
`

let steps = 0
const step = text => console.log(`\n${++steps}. ${text}`)
const tell = text => console.log(`   ${text}`)

function build() {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

/** What `tsrun spec` writes into the bundle. */
function writeConfig(bundle) {
  const args = ['spec', '--bundle', bundle, '--host-root', '--', '/bin/sh', '-c', PROGRAM]
  const { status } = spawnSync(process.execPath, [command, ...args], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
  return JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
}

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/** The namespaces that a process does not share with this one. */
function describeProcess(pid) {
  const [name] = readFileSync(`/proc/${pid}/comm`, 'utf8').split('\n')
  return `process ${pid} on this machine, "${name}"`
}

/** From the plan as it is printed: `MOUNT: propagation, root, mount_fs x7, ...`, a line for each phase. */
function summarise(plan) {
  const sections = plan
    .trim()
    .split('\n\n')
    .map(section => section.split('\n'))
  const phases = sections.filter(([title]) => /^[A-Z]+$/.test(title) && title !== 'SLOTS')
  return phases.map(([title, ...ops]) => {
    const counts = new Map()
    for (const op of ops) {
      const [name] = op.trim().split(' ')
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return `${title}: ${[...counts].map(([name, count]) => (count === 1 ? name : `${name} x${count}`)).join(', ')}`
  })
}

async function showLife(runtime, bundle) {
  step('create: everything but your program. The init waits, in its namespaces and its cgroups.')
  const stdio = ['ignore', 'inherit', 'inherit']
  const container = await runtime.create({ id: `demo-${process.pid}`, bundle, stdio })
  try {
    tell(`container "${container.id}" is ${describeProcess(container.pid)}`)
    await showRun(container)
  } finally {
    await container.delete({ force: true })
  }
  tell(`containers that are left: ${(await runtime.list()).length}`)
}

async function showRun(container) {
  step('start: the init becomes the program.')
  await container.start()
  await pause(300)
  tell(`it is ${describeProcess(container.pid)}`)

  step('state: what the specification says about it.')
  tell(JSON.stringify(await container.state()))

  step('kill: the first process of a pid namespace ignores a SIGTERM that it has no handler for, but no SIGKILL.')
  await container.kill('SIGTERM')
  await pause(100)
  tell(`after SIGTERM: ${(await container.state()).status}`)
  await container.kill('SIGKILL')
  const { exitCode, signal } = await container.wait()
  tell(`after SIGKILL: exitCode ${exitCode}, signal ${signal}, ${(await container.state()).status}`)

  step('delete: its cgroups and its state go.')
  await container.delete()
}

async function demo(folder) {
  const { createRuntime } = await import('../dist/index.js')
  const config = writeConfig(folder)
  step('A bundle: config.json, written by `tsrun spec --host-root`.')
  tell(`it runs ${JSON.stringify(config.process.args.slice(0, 2))} in ${config.linux.namespaces.length} new namespaces`)
  const binds = config.mounts.filter(({ options = [] }) => options.some(option => /^r?bind$/.test(option)))
  tell(`its root has, read-only: ${binds.map(({ destination }) => destination).join(' ')}`)

  const runtime = createRuntime({ root: join(folder, 'state'), log: ({ message }) => tell(`(${message})`) })
  step('plan: what a launch is about to do, phase by phase. Nothing is done yet; `tsrun plan` has it in full.')
  for (const line of summarise(String(await runtime.plan(folder)))) tell(line)

  await showLife(runtime, folder)
}

if (process.geteuid() !== 0) {
  console.error('The demo needs root: sudo npm run demo')
  process.exit(1)
}
build()
if (!existsSync(command)) throw new Error('the build made no command')
const folder = mkdtempSync(join(tmpdir(), 'tsrun-demo-'))
try {
  await demo(folder)
  console.log('\nDone: nothing is left.')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
