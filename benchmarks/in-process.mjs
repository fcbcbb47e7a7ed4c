/**
 * A process that uses the library as a program would; the benchmark tells it over IPC what to do.
 * Arguments: bundle, state directory, megabytes of heap to hold.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime } from '../dist/index.js'

const [bundle, root, megabytes] = process.argv.slice(2)
const runtime = createRuntime({ root })

/** Objects on the JavaScript heap, as many as a big program has. */
const ballast = Array.from({ length: Number(megabytes) }, () =>
  Array.from({ length: 8192 }, (_, i) => ({ i, next: i + 0.5, at: [] })),
)

let made = 0
const nextId = () => `bench-${process.pid}-${made++}`

async function cycle() {
  const began = performance.now()
  const container = await runtime.create({ id: nextId(), bundle, stdio: 'ignore' })
  await container.start()
  const { exitCode } = await container.wait()
  await container.delete()
  if (exitCode !== 0) throw new Error(`the container ended with ${exitCode}`)
  return (performance.now() - began) * 1000
}

async function cycles({ count }) {
  const times = []
  for (let i = 0; i < count; i++) times.push(await cycle())
  return times
}

const lines = path =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')

/** The folders below `path`, at any depth; what others remove meanwhile is left out. */
function foldersIn(path) {
  try {
    const folders = readdirSync(path, { withFileTypes: true }).filter(entry => entry.isDirectory())
    return folders.flatMap(({ name }) => [name, ...foldersIn(join(path, name))])
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENODEV') return []
    throw error
  }
}

/** How many cgroups of ours there are, in all hierarchies. */
function countCgroups() {
  const mounts = lines('/proc/self/mountinfo').filter(line => / - cgroup2? /.test(line))
  const folders = mounts.flatMap(line => foldersIn(line.split(' ')[4]))
  return folders.filter(name => name.includes(`bench-${process.pid}-`)).length
}

const children = () =>
  readdirSync('/proc/self/task').flatMap(task =>
    lines(`/proc/self/task/${task}/children`).flatMap(line => line.trim().split(' ')),
  )

/** What a leak would show in. Counts but for the heap, which is in bytes. */
function held() {
  globalThis.gc()
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    processes: children().length,
    mounts: lines('/proc/self/mountinfo').length,
    cgroups: countCgroups(),
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

const requests = { cycles, held, initMemory, heap: () => process.memoryUsage().heapUsed, ballast: () => ballast.length }

process.on('message', async ({ name, ...rest }) => {
  try {
    process.send({ result: await requests[name](rest) })
  } catch (error) {
    process.send({ error: `${error.stack}` })
  }
})
