/**
 * `npm run bench`: everything side by side in one run, in rounds that take turns, as root. Prints two tables, writes
 * benchmarks/results/<date>.json, and exits with 1 where a budget is not kept. `--quick` is for trying it out.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeBundle } from './bundle.mjs'
import { heapEffect, leaks } from './checks.mjs'
import { budgetTable, judge, rowsOf, table } from './report.mjs'
import { compile, makeSubjects } from './subjects.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 3 : 12
const leakCycles = isQuick ? 200 : 2000

const say = text => console.error(`bench: ${text}`)
const pathOf = program => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
const versionOf = program => execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0]

function checkMachine() {
  if (process.geteuid() !== 0) throw new Error('the benchmarks need root')
  if (!existsSync(join(here, '..', 'dist', 'cli', 'tsrun.cjs'))) throw new Error('run `npm run build` first')
  for (const program of ['runc', 'crun', 'busybox', process.env.CC ?? 'cc', 'unshare']) {
    try {
      pathOf(program)
    } catch (cause) {
      throw new Error(`the benchmarks need ${program}`, { cause })
    }
  }
}

/** Rounds take turns, forwards and backwards, so that no subject always comes after the same one. */
async function measure(subjects) {
  const results = subjects.map(({ name, view }) => ({ name, view, rounds: [] }))
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    const order = subjects.map((_, index) => index)
    for (const index of round % 2 === 0 ? order : order.toReversed()) {
      const times = await subjects[index].run(subjects[index].cycles)
      if (round > 0) results[index].rounds.push(times)
    }
  }
  return results
}

/** How busy others keep the machine: 1 is one processor all the time. Taken before there is a load of our own. */
const [load] = loadavg()

const machine = () => ({
  date: new Date().toISOString(),
  load,
  kernel: release(),
  processors: cpus().length,
  processor: cpus()[0]?.model,
  node: process.version,
  runc: versionOf('runc'),
  crun: versionOf('crun'),
})

function write(figures) {
  const folder = join(here, 'results')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${figures.machine.date.replaceAll(':', '-')}.json`)
  writeFileSync(path, `${JSON.stringify(figures, null, 2)}\n`)
  say(`written to ${path}`)
}

async function bench(folder, state) {
  const programs = await compile(folder)
  const { bundle, rootfs } = makeBundle(join(folder, 'bundle'), pathOf('busybox'))
  const { subjects, stop } = await makeSubjects({ bundle, rootfs, state, programs })
  const results = await measure(subjects).finally(stop)
  say('heap of the host process')
  const heap = await heapEffect({ bundle, state, rounds })
  say(`leaks in ${leakCycles} cycles`)
  const leak = await leaks({ bundle, state, cycles: leakCycles })
  const rows = rowsOf(results)
  const budgets = JSON.parse(readFileSync(join(here, 'budgets.json'), 'utf8'))
  const verdicts = judge(budgets, { results, rows, heap, leak })
  return { machine: machine(), rows, heap, leak, verdicts }
}

checkMachine()
if (load > 0.3) say(`the machine is busy (load ${load.toFixed(1)}): do not trust the figures`)
const folder = mkdtempSync(join(tmpdir(), 'tsrun-bench-'))
// Where the runtimes keep their state by default, and a file system in memory on most machines.
const state = mkdtempSync('/run/tsrun-bench-')
try {
  const figures = await bench(folder, state)
  console.log(`${table(figures.rows)}\n\n${budgetTable(figures.verdicts)}`)
  write(figures)
  process.exitCode = figures.verdicts.every(({ isKept }) => isKept) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
  rmSync(state, { recursive: true, force: true })
}
