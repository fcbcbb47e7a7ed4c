/**
 * Many containers alive at once: `npm run bench -- thousands [COUNT]` (as root; default 1,000). The library, and runc beside it with a tenth of them.
 * What each costs, the first and the last of them, and whether `list` and `state` stay as they were.
 */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRuntime } from '../dist/index.js'
import { makeBundle } from './bundle.mjs'
import { foldersIn, linesOf, mountsOfCgroups } from './held.mjs'
import { demand, pathOf } from './machine.mjs'
import { median } from './statistics.mjs'

const count = Number(process.argv[3] ?? 1000)
if (!Number.isSafeInteger(count) || count < 1) throw new Error(`${process.argv[3]}: not a number of containers`)
demand(['busybox', 'runc'])
const directory = fs.mkdtempSync(join(tmpdir(), 'tsrun-thousands-'))
const { bundle, rootfs } = makeBundle(directory, pathOf('busybox'))
fs.symlinkSync('busybox', join(rootfs, 'bin', 'sleep'))

/** Of all memory, what is not free, in KiB. */
function usedKiB() {
  const text = fs.readFileSync('/proc/meminfo', 'utf8')
  const value = name => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1])
  return value('MemTotal') - value('MemAvailable')
}

function configFor(id) {
  const config = JSON.parse(fs.readFileSync(join(bundle, 'config.json'), 'utf8'))
  config.process.args = ['/bin/sleep', '100000']
  config.root.path = rootfs
  config.linux.cgroupsPath = `/thousands-${process.pid}/${id}`
  return config
}

async function timed(act) {
  const began = performance.now()
  await act()
  return performance.now() - began
}

const ms = value => `${value.toFixed(1)} ms`

/** The medians of the first and the last tenth. */
function ends(times) {
  const tenth = Math.max(1, times.length / 10)
  return `first ${ms(median(times.slice(0, tenth)))}, last ${ms(median(times.slice(-tenth)))}`
}

async function repeated(act, times = 5) {
  const taken = []
  for (let i = 0; i < times; i++) taken.push(await timed(act))
  return median(taken)
}

function report(name, { made, lists, states, deleted, kib }) {
  console.log(`${name}: ${made.length} containers`)
  console.log(`  create and start: ${ends(made)}`)
  console.log(`  list: with ${lists.map(([with_, time]) => `${with_}: ${ms(time)}`).join(', ')}`)
  console.log(`  state: with ${states.map(([with_, time]) => `${with_}: ${ms(time)}`).join(', ')}`)
  console.log(`  memory of the machine: ${kib.toFixed(0)} KiB each`)
  console.log(`  delete: ${ends(deleted)}`)
}

/** `make`, `list`, `state`, `remove` for one id each. */
async function measure(name, many, { make, list, state, remove }) {
  const ids = Array.from({ length: many }, (_, index) => `many-${process.pid}-${name}-${index}`)
  const [made, lists, states, deleted] = [[], [], [], []]
  const before = usedKiB()
  for (const [index, id] of ids.entries()) {
    made.push(await timed(() => make(id)))
    if (![Math.ceil(many / 100), Math.ceil(many / 10), many].includes(index + 1)) continue
    lists.push([index + 1, await repeated(list)])
    states.push([index + 1, await repeated(() => state(id))])
  }
  const kib = (usedKiB() - before) / many
  for (const id of ids) deleted.push(await timed(() => remove(id)))
  report(name, { made, lists, states, deleted, kib })
}

const runtime = createRuntime({ root: join(directory, 'state') })

const library = {
  make: async id => {
    const container = await runtime.create({ id, config: configFor(id), rootfs, stdio: 'ignore' })
    await container.start()
  },
  list: () => runtime.list(),
  state: async id => (await runtime.get(id)).state(),
  remove: async id => (await runtime.get(id)).delete({ force: true }),
}

const runc = (...args) => execFileSync('runc', ['--root', join(directory, 'runc'), ...args], { stdio: 'ignore' })

const program = {
  make: id => {
    const own = join(directory, 'bundles', id)
    fs.mkdirSync(own, { recursive: true })
    fs.writeFileSync(join(own, 'config.json'), JSON.stringify(configFor(id)))
    runc('run', '--detach', '--bundle', own, id)
  },
  list: () => runc('list', '--format', 'json'),
  state: id => runc('state', id),
  remove: id => runc('delete', '--force', id),
}

/** Of no container any more, in any hierarchy of cgroups. */
function removeGroups() {
  for (const at of mountsOfCgroups().map(path => join(path, `thousands-${process.pid}`))) {
    const left = foldersIn(at)
    if (left.length > 0) throw new Error(`${left.length} cgroups are left in ${at}`)
    if (fs.existsSync(at)) fs.rmdirSync(at)
  }
}

try {
  await measure('tsrun', count, library)
  if ((await runtime.list()).length > 0) throw new Error('containers are left')
  await measure('runc', Math.ceil(count / 10), program)
  removeGroups()
  const mounts = linesOf('/proc/self/mountinfo').filter(line => line.includes(directory))
  if (mounts.length > 0) throw new Error(`mounts are left: ${mounts.join('\n')}`)
  console.log('nothing is left')
} finally {
  for (const container of await runtime.list()) await container.delete({ force: true })
  const others = join(directory, 'runc')
  for (const id of fs.existsSync(others) ? fs.readdirSync(others) : []) program.remove(id)
  fs.rmSync(directory, { recursive: true, force: true })
}
