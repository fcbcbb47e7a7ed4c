/**
 * The longest time in milliseconds for which the event loop stood still while 100, then 400 calls of run() overlap, as JSON. As root, on
 * a machine that does nothing else: `node benchmarks/event-loop.mjs BUNDLE STATE`, with a bundle whose program ends at once. A process
 * of its own: nothing else is on its loop.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createRuntime } from '../dist/index.js'

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

async function longestStall(count) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await Promise.all(Array.from({ length: count }, once))
  delay.disable()
  return delay.max / 1e6
}

// Loads the native parts and looks at the host, once for each process.
await once()
const stalls = {}
for (const count of [100, 400]) stalls[count] = await longestStall(count)
console.log(JSON.stringify(stalls))
