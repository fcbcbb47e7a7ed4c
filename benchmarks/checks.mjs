/** What is not a matter of speed alone: the host's heap, the init's memory, leaks. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './statistics.mjs'
import { startProcess } from './subjects.mjs'

function folderIn(state, name) {
  const folder = join(state, name)
  mkdirSync(folder)
  return folder
}

/** By how much a cycle gets slower when the host process has 1 GB of heap in place of 50 MB. */
export async function heapEffect({ bundle, state, rounds }) {
  const small = startProcess({ bundle, state: folderIn(state, 'small'), megabytes: 50 })
  const big = startProcess({ bundle, state: folderIn(state, 'big'), megabytes: 1000 })
  try {
    const times = { small: [], big: [] }
    for (let round = 0; round <= rounds; round++) {
      const [first, second] = [await small.ask('cycles', { count: 30 }), await big.ask('cycles', { count: 30 })]
      // The first round is for the compiler.
      if (round === 0) continue
      times.small.push(median(first))
      times.big.push(median(second))
    }
    const megabytes = async ({ ask }) => Math.round((await ask('heap')) / 2 ** 20)
    return {
      heaps: { small: await megabytes(small), big: await megabytes(big) },
      effect: median(times.big.map((big, index) => big / times.small[index])) - 1,
    }
  } finally {
    small.stop()
    big.stop()
  }
}

/** What a process holds more of after so many cycles, and the init's private memory in KB. */
export async function leaks({ bundle, state, cycles }) {
  const { ask, stop } = startProcess({ bundle, state: folderIn(state, 'leaks') })
  try {
    const initKilobytes = await ask('initMemory')
    // Until the compiler has seen all that it cares for, the heap grows by what it learns.
    await ask('cycles', { count: cycles })
    const before = await ask('held')
    await ask('cycles', { count: cycles })
    const after = await ask('held')
    const more = Object.fromEntries(Object.keys(before).map(name => [name, after[name] - before[name]]))
    return { initKilobytes, cycles, more }
  } finally {
    stop()
  }
}

/** The longest turn of the event loop while so many calls of run() overlap, in milliseconds of time and of computing. */
export function stalls({ bundle, state }) {
  const script = fileURLToPath(new URL('./event-loop.mjs', import.meta.url))
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, bundle, folderIn(state, 'stalls')], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the event loop was not measured: ${stderr}`)
  return JSON.parse(stdout)
}
