/**
 * `npm run bench -- sandbox`: sandboxes beside plain containers, bubblewrap and Docker, in turn, in one run, as root; then many that are alive at once.
 * `--quick` is for trying it out, `--no-docker` leaves Docker out. Exits with 1 where a budget is not kept.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { demand, machine, write } from '../machine.mjs'
import { budgetTable, judge } from '../report.mjs'
import { measure } from '../rounds.mjs'
import { median, quantile, ratio } from '../statistics.mjs'
import { crowd } from './crowd.mjs'
import { makeSubjects } from './subjects.mjs'

const isQuick = process.argv.includes('--quick')
const withDocker = !process.argv.includes('--no-docker')
const rounds = isQuick ? 3 : 12
const size = isQuick ? 50 : 1000

demand(['bwrap', ...(withDocker ? ['dockerd', 'containerd', 'iptables'] : [])])
const { subjects, stop } = await makeSubjects({ withDocker })
const results = await measure(subjects, rounds).finally(stop)
const crowded = await crowd(size)

const roundsOf = name => results.find(result => result.name === name)?.rounds
const over = (name, other) =>
  median(roundsOf(name).map((round, at) => median(round) - median(roundsOf(other)[at]))) / 1000
const values = {
  sandboxToPlain: ratio(roundsOf('sandbox'), roundsOf('plain container')),
  sandboxToDocker: withDocker ? ratio(roundsOf('sandbox'), roundsOf('docker run')) : undefined,
  runToExec: ratio(roundsOf('commands.run'), roundsOf('container.exec')),
  poolOverRun: over('pool.take and run', 'container.exec'),
  crowdMissing: size - crowded.alive,
  crowdLast: crowded.lastMs / crowded.firstMs,
  crowdLeft: Object.values(crowded.left).reduce((sum, count) => sum + Math.max(count, 0), 0),
}
const budgets = JSON.parse(readFileSync(fileURLToPath(new URL('./budgets.json', import.meta.url)), 'utf8'))
const verdicts = judge(budgets, values).filter(({ value }) => value !== undefined)
const rows = results.map(({ name, rounds: all }) => {
  const times = all.flat().map(microseconds => microseconds / 1000)
  return { name, cycles: times.length, median: median(times), p10: quantile(times, 0.1), p90: quantile(times, 0.9) }
})
const lines = rows.map(
  ({ name, cycles, median: middle, p10, p90 }) =>
    `| ${name} | ${cycles} | ${middle.toFixed(2)} | ${p10.toFixed(2)} to ${p90.toFixed(2)} |`,
)
console.log(['| | cycles | median ms | 10 % to 90 % |', '|---|---:|---:|---:|', ...lines].join('\n'))
console.log(`\n${JSON.stringify(crowded)}\n\n${budgetTable(verdicts)}`)
write({ machine: machine(), rows, crowded, verdicts }, 'sandbox-')
process.exitCode = verdicts.every(({ isKept }) => isKept) ? 0 : 1
