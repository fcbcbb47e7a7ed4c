/**
 * A process that uses the library as a program would; the benchmark tells it over IPC what to do.
 * Arguments: bundle, state directory, megabytes of heap to hold.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRuntime } from '../dist/index.js'
import { cgroupsWith, linesOf } from './held.mjs'

const [bundle, root, megabytes] = process.argv.slice(2)
const runtime = createRuntime({ root })

/** Objects on the JavaScript heap, as many as a big program has. */
const ballast = Array.from({ length: Number(megabytes) }, () =>
  Array.from({ length: 8192 }, (_, i) => ({ i, next: i + 0.5, at: [] })),
)

let made = 0
const nextId = () => `bench-${process.pid}-${made++}`

const prepared = await runtime.prepare({ bundle })
const makers = {
  plain: () => runtime.create({ id: nextId(), bundle, stdio: 'ignore' }),
  prepared: () => prepared.create(nextId(), { stdio: 'ignore' }),
}

async function cycle(make) {
  const began = performance.now()
  const container = await make()
  await container.start()
  const { exitCode } = await container.wait()
  await container.delete()
  if (exitCode !== 0) throw new Error(`the container ended with ${exitCode}`)
  return (performance.now() - began) * 1000
}

async function cycles({ count, maker = 'plain' }) {
  const times = []
  for (let i = 0; i < count; i++) times.push(await cycle(makers[maker]))
  return times
}

const oneByOne = async count => {
  const made = []
  for (let i = 0; i < count; i++) made.push(await makers.plain())
  return made
}
const atOnce = count => Promise.all(Array.from({ length: count }, makers.plain))

/** How long each of so many creates takes, one after the other or all in flight; they are deleted after that. */
async function creates({ count, inFlight }) {
  const began = performance.now()
  const made = await (inFlight ? atOnce : oneByOne)(count)
  const each = ((performance.now() - began) * 1000) / count
  for (const container of made) await container.delete({ force: true })
  return [each]
}

const children = () =>
  readdirSync('/proc/self/task').flatMap(task =>
    linesOf(`/proc/self/task/${task}/children`).flatMap(line => line.trim().split(' ')),
  )

/** What a leak would show in. Counts but for the heap, which is in bytes. */
function held() {
  globalThis.gc()
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    processes: children().length,
    mounts: linesOf('/proc/self/mountinfo').length,
    cgroups: cgroupsWith(name => name.includes(`bench-${process.pid}-`)),
    states: readdirSync(root).length,
    heap: process.memoryUsage().heapUsed,
  }
}

/** The private memory of the init of a container that was created and not started, in KB. */
async function initMemory() {
  const container = await runtime.create({ id: nextId(), bundle, stdio: 'ignore' })
  const rollup = readFileSync(`/proc/${container.pid}/smaps_rollup`, 'utf8')
  await container.delete({ force: true })
  const kilobytes = name => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)[1])
  return kilobytes('Private_Clean') + kilobytes('Private_Dirty')
}

const requests = {
  cycles,
  creates,
  held,
  initMemory,
  heap: () => process.memoryUsage().heapUsed,
  ballast: () => ballast.length,
}

process.on('message', async ({ name, ...rest }) => {
  try {
    process.send({ result: await requests[name](rest) })
  } catch (error) {
    process.send({ error: `${error.stack}` })
  }
})
