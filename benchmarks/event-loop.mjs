/**
 * The longest time for which the event loop stood still while 100 and 400 calls of run() overlap. As root, on a machine that does
 * nothing else: `node benchmarks/event-loop.mjs BUNDLE`, with a bundle whose program ends at once. Ends with 1 above the budget.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createRuntime } from '../dist/index.js'

const BUDGET_MS = 5
const [bundle] = process.argv.slice(2)
const root = mkdtempSync(join(tmpdir(), 'tsrun-bench-'))
const runtime = createRuntime({ root, log: () => {} })

async function longestStall(count) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await Promise.all(Array.from({ length: count }, () => runtime.run({ bundle })))
  delay.disable()
  return delay.max / 1e6
}

try {
  // Loads the native parts and looks at the host, once for each process.
  await runtime.run({ bundle })
  for (const count of [100, 400]) {
    const stall = await longestStall(count)
    console.log(`${count} overlapping runs: longest stall ${stall.toFixed(1)} ms (budget ${BUDGET_MS} ms)`)
    if (stall > BUDGET_MS) process.exitCode = 1
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
