/** Many sandboxes that are alive at the same time: what each takes, whether the last is as fast as the first, and what is left. */
import { readdirSync, readFileSync } from 'node:fs'
import { Sandbox } from '../../dist/sandbox/index.js'
import { cgroupsWith, linesOf } from '../held.mjs'
import { say } from '../machine.mjs'
import { median } from '../statistics.mjs'

const PLACE = '/run/tsrun-sandbox'

/** Kilobytes that the first process of a sandbox, a child of this one, has for itself. */
function privateMemory(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return [...text.matchAll(/^Private_\w+: +(\d+) kB/gm)].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0)
}

const isOf = (ids, name) => [...ids].some(id => name.includes(id))

function safely(act) {
  try {
    return act()
  } catch {
    return 0
  }
}

function held(ids) {
  return {
    processes: readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .filter(isOurs).length,
    cgroups: cgroupsWith(name => isOf(ids, name)),
    mounts: linesOf('/proc/self/mountinfo').length,
    descriptors: readdirSync('/proc/self/fd').length,
    boxes: readdirSync(`${PLACE}/boxes`).filter(name => ids.has(name)).length,
    states: readdirSync(`${PLACE}/state`).filter(name => ids.has(name)).length,
  }
}

const isOurs = pid =>
  safely(() =>
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(process.pid) ? 1 : 0,
  ) === 1

export async function crowd(size) {
  say(`${size} sandboxes at once`)
  await (await Sandbox.create()).stop()
  const before = held(new Set())
  const boxes = []
  const times = []
  const began = performance.now()
  for (let i = 0; i < size; i++) {
    const start = performance.now()
    boxes.push(await Sandbox.create({ limits: { pids: 16 } }))
    times.push(performance.now() - start)
  }
  const made = performance.now()
  const inits = readdirSync('/proc').filter(name => /^\d+$/.test(name) && isOurs(name))
  const each = median(inits.map(privateMemory))
  let alive = 0
  for (const box of boxes) if ((await box.commands.run(['true'])).exitCode === 0) alive++
  const ran = performance.now()
  const ids = new Set(boxes.map(({ id }) => id))
  await Promise.all(boxes.map(box => box.stop()))
  const removed = performance.now()
  const share = Math.max(5, Math.floor(size / 20))
  const after = held(ids)
  return {
    ...{ size, alive, kilobytesEach: each },
    firstMs: median(times.slice(0, share)),
    lastMs: median(times.slice(-share)),
    ...{ makeSeconds: (made - began) / 1000, runSeconds: (ran - made) / 1000, removeSeconds: (removed - ran) / 1000 },
    left: Object.fromEntries(Object.keys(before).map(name => [name, after[name] - before[name]])),
  }
}
