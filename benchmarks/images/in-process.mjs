/**
 * What is measured in a process that uses the library, as JSON: `in-process.mjs pull|again|turns|unpack|run STORE NAME FOLDER`.
 * A process of its own: nothing else is on its loop or in its memory.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openImages, runtimeConfig } from '../../dist/image/index.js'
import { createRuntime } from '../../dist/index.js'
import { median, ratio } from '../statistics.mjs'

const RUNS = 42
const SAMPLE_MS = 10
const [what, directory, name, folder] = process.argv.slice(2)
const images = openImages({ directory })

/** Milliseconds for which this thread has had a processor: how long others had it says nothing of us. */
const used = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6

/** The longest work between one turn of the event loop and the next. */
function watchTurns() {
  let [longest, before, isOver] = [0, used(), false]
  const turn = () => {
    const now = used()
    longest = Math.max(longest, now - before)
    before = now
    if (!isOver) setImmediate(turn)
  }
  turn()
  return () => {
    isOver = true
    return longest
  }
}

/** Megabytes that the process has more of, and milliseconds for which the event loop was held. */
async function pull() {
  const before = process.memoryUsage.rss()
  let most = before
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, SAMPLE_MS)
  await images.pull(name, { unpack: true })
  clearInterval(sampling)
  return { memory: (most - before) / 1e6 }
}

/** As in a daemon: nothing of the image is there, but the process has pulled one before. */
async function again() {
  await images.pull(name.replace('/large:', '/small:'), { unpack: true })
  rmSync(directory, { recursive: true })
  const begin = performance.now()
  await images.pull(name, { unpack: true })
  return { milliseconds: performance.now() - begin }
}

/** The second time in this process: at the first Node loads what `fetch` is made of. */
async function turns() {
  await images.pull(name, { unpack: true })
  rmSync(directory, { recursive: true })
  const longest = watchTurns()
  await images.pull(name, { unpack: true })
  return { stall: longest() }
}

async function unpack() {
  const begin = performance.now()
  const unpacked = await images.unpack(name)
  const milliseconds = performance.now() - begin
  await unpacked.release()
  return { milliseconds }
}

/** Milliseconds of a container, on the layers and on a directory with the same files, in turn. */
async function run() {
  const unpacked = await images.unpack(name)
  const runtime = createRuntime({ root: join(folder, 'state'), log: () => {} })
  const config = runtimeConfig(unpacked.image, unpacked.layers, { args: ['true'] })
  const [bottom] = unpacked.layers
  const bare = { ...config, root: { ...config.root, readonly: false } }
  const roots = { layers: { layers: unpacked.layers, upper: 'memory' }, directory: bottom }
  for (const path of ['proc', 'dev', 'sys']) mkdirSync(join(bottom, path), { recursive: true })
  const times = { layers: [], directory: [] }
  for (let round = 0; round < RUNS; round++) {
    for (const kind of round % 2 === 0 ? ['layers', 'directory'] : ['directory', 'layers']) {
      const begin = performance.now()
      await runtime.run({ config: bare, rootfs: roots[kind] })
      if (round > 1) times[kind].push([performance.now() - begin])
    }
  }
  await unpacked.release()
  rmSync(join(folder, 'state'), { recursive: true, force: true })
  const [layers, bottomOnly] = [times.layers, times.directory].map(rounds => median(rounds.flat()))
  return { layers, directory: bottomOnly, ratio: ratio(times.layers, times.directory) }
}

console.log(JSON.stringify(await { pull, again, turns, unpack, run }[what]()))
