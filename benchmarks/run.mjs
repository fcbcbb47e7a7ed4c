/**
 * `npm run bench`: everything side by side in one run, in rounds that take turns, as root. Prints two tables, writes
 * benchmarks/results/<date>.json, and exits with 1 where a budget is not kept. `--quick` is for trying it out.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeBundle } from './bundle.mjs'
import { heapEffect, leaks, stalls } from './checks.mjs'
import { demand, machine, makeStateFolder, pathOf, say, write } from './machine.mjs'
import { budgetTable, judge, measured, rowsOf, table } from './report.mjs'
import { measure } from './rounds.mjs'
import { compile, makeSubjects } from './subjects.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 3 : 12
const leakCycles = isQuick ? 200 : 2000

async function bench(folder, state) {
  const programs = await compile(folder)
  const { bundle, rootfs } = makeBundle(join(folder, 'bundle'), pathOf('busybox'))
  const { subjects, stop } = await makeSubjects({ bundle, rootfs, state, programs })
  const results = await measure(subjects, rounds).finally(stop)
  say('heap of the host process')
  const heap = await heapEffect({ bundle, state, rounds })
  say(`leaks in ${leakCycles} cycles`)
  const leak = await leaks({ bundle, state, cycles: leakCycles })
  say('the event loop')
  const stall = stalls({ bundle, state })
  const rows = rowsOf(results)
  const budgets = JSON.parse(readFileSync(join(here, 'budgets.json'), 'utf8'))
  const verdicts = judge(budgets, measured({ results, rows, heap, leak, stall }))
  return { machine: machine(), rows, heap, leak, stall, verdicts }
}

demand(['runc', 'crun', 'busybox', process.env.CC ?? 'cc', 'unshare'])
const folder = mkdtempSync(join(tmpdir(), 'tsrun-bench-'))
const state = makeStateFolder()
try {
  const figures = await bench(folder, state)
  console.log(`${table(figures.rows)}\n\n${budgetTable(figures.verdicts)}`)
  write(figures)
  process.exitCode = figures.verdicts.every(({ isKept }) => isKept) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
  rmSync(state, { recursive: true, force: true })
}
