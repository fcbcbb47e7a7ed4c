/**
 * A program with workers; prints as JSON what it had open before and what it has in the end. Arguments: what it does, a
 * directory with `rootfs` and `config.json`, a prefix for ids, how many workers.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const [what, directory, prefix, workers] = process.argv.slice(2)
const root = `${directory}/state`
const shared = {
  root,
  rootfs: `${directory}/rootfs`,
  config: JSON.parse(readFileSync(`${directory}/config.json`, 'utf8')),
}
const file = fileURLToPath(new URL('./worker.mjs', import.meta.url))

let count = 0
const start = times => new Worker(file, { workerData: { ...shared, name: `${prefix}-${count++}`, times } })

function ended(worker) {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
  })
}

const linkOf = fd => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    // The directory's own.
    return null
  }
}

const open = () => ({
  threads: readdirSync('/proc/self/task').length,
  fds: readdirSync('/proc/self/fd')
    .map(linkOf)
    .filter(link => link !== null),
})

function children() {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.filter(pid => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid
    } catch {
      return false
    }
  })
}

async function many() {
  for (let left = Number(workers); left > 0; left -= 4) {
    await Promise.all([1, 2, 3, 4].map(() => ended(start(1))))
  }
}

/** Ends each at another moment of its second container or later. */
async function terminated() {
  for (let round = 0; round < Number(workers); round++) {
    const worker = start(1000)
    worker.on('error', error => console.error(error))
    const name = `${prefix}-${count - 1}-1`
    for (let left = 10_000; left > 0 && !readdirSync(root).includes(name); left--) await sleep(1)
    await sleep(round)
    await worker.terminate()
  }
  const { createRuntime } = await import('../../../dist/index.js')
  // What was cut off in the middle of a write is told of, and removed.
  const runtime = createRuntime({ root, log: () => {} })
  for (const id of readdirSync(root).filter(name => !name.startsWith('.'))) await runtime.delete(id, { force: true })
}

/** The main thread uses the library before, meanwhile and after. */
async function beside() {
  const { createRuntime } = await import('../../../dist/index.js')
  const runtime = createRuntime({ root })
  const run = async () => {
    const id = `${prefix}-main-${count++}`
    const config = { ...shared.config, linux: { ...shared.config.linux, cgroupsPath: `/${id}` } }
    const { stdout } = await runtime.run({ id, rootfs: shared.rootfs, config })
    if (stdout !== 'hello\n') throw new Error(`standard output: ${JSON.stringify(stdout)}`)
  }
  await run()
  const others = Array.from({ length: Number(workers) }, () => ended(start(5)))
  for (let round = 0; round < 10; round++) await run()
  await Promise.all(others)
  await run()
}

/** Such as `tsrun-init Z`: what the kernel keeps of one that has ended. */
function describe(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return `${stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))} ${stat.slice(stat.lastIndexOf(')') + 2)[0]}`
}

/** What stays for as long as the process lives, or its main thread does, and is there once. */
const isForLife = link => link === '/memfd:tsrun-init (deleted)' || /^\/sys\/fs\/cgroup(\/[^/]+)?$/.test(link)

/** Threads, children and descriptors that are on their way out are waited for. */
async function settled(before) {
  for (let left = 100; left > 0; left--) {
    const after = open()
    const fds = after.fds.filter(link => !isForLife(link))
    const isSettled = after.threads <= before.threads && fds.length <= before.fds.length
    if (isSettled && children().length === 0) return after
    await sleep(100)
  }
  return open()
}

const before = open()
await { many, terminated, beside }[what]()
const after = await settled(before)
const kept = after.fds.filter(isForLife)
console.log(JSON.stringify({ before, after, kept, children: children().map(describe) }))
