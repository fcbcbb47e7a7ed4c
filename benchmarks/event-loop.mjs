/**
 * The longest turn of the event loop in milliseconds while 100, then 400 calls of run() overlap, as JSON: `wall`, the longest time for which it
 * stood still, and `cpu`, the most that a turn has computed, which other work on the machine does not lengthen; `over`: how many of all `turns` computed for more than 5 ms. As root:
 * `node benchmarks/event-loop.mjs BUNDLE STATE`, with a bundle whose program ends at once. A process of its own: nothing else is on its loop.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime } from '../dist/index.js'
import { load } from '../dist/sys/ffi.js'

const [bundle, root] = process.argv.slice(2)
const runtime = createRuntime({ root, log: () => {} })
const asked = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
const rootfs = join(bundle, asked.root.path)

let number = 0
/** Each in a cgroup of its own, whatever the bundle says: in one that is taken there is no place for a second. */
function once() {
  const id = `stall-${process.pid}-${number++}`
  return runtime.run({ id, rootfs, config: { ...asked, linux: { ...asked.linux, cgroupsPath: `/${id}` } } })
}

const libc = load('libc.so.6', { clock_gettime: ['int', ['int', 'pointer']] })
const CLOCK_THREAD_CPUTIME_ID = 3
const LIMIT_MS = 5

/** Of this thread, in milliseconds. Those that compile and collect garbage beside it hold up nothing. */
function cpuTime() {
  const time = Buffer.alloc(16)
  libc.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time)
  return Number(time.readBigInt64LE(0)) * 1000 + Number(time.readBigInt64LE(8)) / 1e6
}

/** Looks once in each turn of the loop, until `done` is settled. */
async function longestTurn(done) {
  const longest = { wall: 0, cpu: 0, over: 0, turns: 0 }
  let isOver = false
  const over = done.finally(() => {
    isOver = true
  })
  let last = { wall: performance.now(), cpu: cpuTime() }
  while (!isOver) {
    await new Promise(resolve => setImmediate(resolve))
    const now = { wall: performance.now(), cpu: cpuTime() }
    longest.wall = Math.max(longest.wall, now.wall - last.wall)
    const computed = now.cpu - last.cpu
    longest.cpu = Math.max(longest.cpu, computed)
    longest.turns++
    if (computed > LIMIT_MS) longest.over++
    last = now
  }
  await over
  return longest
}

// Loads the native parts and looks at the host, once for each process.
await once()
const stalls = {}
for (const count of [100, 400]) stalls[count] = await longestTurn(Promise.all(Array.from({ length: count }, once)))
console.log(JSON.stringify(stalls))
