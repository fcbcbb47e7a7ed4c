/**
 * `npm run bench -- engines`: tsrun against runc and crun as commands and under Docker, side by side in one run, as root.
 * Prints tables, writes benchmarks/results/engines-<date>.json, and exits with 1 where a budget is not kept.
 * `--quick` is for trying it out.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeBundle } from '../bundle.mjs'
import { demand, executable, machine, makeStateFolder, pathOf, write } from '../machine.mjs'
import { budgetTable, judge } from '../report.mjs'
import { measure } from '../rounds.mjs'
import { compile } from '../subjects.mjs'
import { makeCommands } from './commands.mjs'
import { makeContainerd } from './containerd.mjs'
import { makeDocker } from './docker.mjs'
import { crowdTable, measured, rowsOf, tables } from './report.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 2 : 10
const crowdSize = isQuick ? 20 : 200

async function bench(folder, state) {
  const { time } = await compile(folder)
  const { bundle } = makeBundle(join(folder, 'bundle'), pathOf('busybox'))
  const started = []
  const start = async make => {
    started.push(await make())
    return started.at(-1)
  }
  try {
    const commands = await start(() => makeCommands({ bundle, folder, state, time }))
    const containerd = await start(() => makeContainerd(time))
    const docker = await start(() => makeDocker(time))
    const results = await measure([...commands.subjects, ...containerd.subjects, ...docker.subjects], rounds)
    const crowds = []
    for (const runtime of ['tsrun', 'runc']) crowds.push(await docker.crowd({ runtime, size: crowdSize }))
    const rows = rowsOf(results)
    const budgets = JSON.parse(readFileSync(join(here, 'budgets.json'), 'utf8'))
    return { machine: machine(), rows, crowds, verdicts: judge(budgets, measured({ results, rows, crowds })) }
  } finally {
    for (const { stop } of started.reverse()) await stop()
  }
}

if (!existsSync(executable)) throw new Error('run `npm run build:standalone` first')
demand(['runc', 'crun', 'busybox', process.env.CC ?? 'cc', 'unshare', 'dockerd', 'containerd', 'ctr', 'iptables'])
const folder = mkdtempSync(join(tmpdir(), 'tsrun-bench-'))
const state = makeStateFolder()
try {
  const figures = await bench(folder, state)
  console.log(`${tables(figures.rows)}\n\n${crowdTable(figures.crowds)}\n\n${budgetTable(figures.verdicts)}`)
  write(figures, 'engines-')
  process.exitCode = figures.verdicts.every(({ isKept }) => isKept) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
  rmSync(state, { recursive: true, force: true })
}
