/** The tables of what is measured under engines. */
import { statSync } from 'node:fs'
import { executable } from '../machine.mjs'
import { median, quantile, ratio } from '../statistics.mjs'

/** Of which commands the memory is measured. */
const MEASURED_MEMORY = ['run', 'create', 'exec', 'state']

/** What each kind of figure is compared to. */
const REFERENCES = {
  run: 'runc run',
  'create, start, delete': 'runc, the command',
  exec: 'runc exec',
  state: 'runc state',
  'docker run --rm': 'docker with runc',
  'docker exec': 'docker exec with runc',
  'list of 10': 'runc list',
  'ctr run --detach': 'ctr run with runc',
  'ctr task exec': 'ctr exec with runc',
  'ctr task kill, delete': 'ctr stop with runc',
  ...Object.fromEntries(MEASURED_MEMORY.map(step => [`memory of ${step}`, `runc, memory of ${step}`])),
}

/** One row for each subject, in milliseconds, or for memory in units of 1,000 KiB. */
export function rowsOf(results) {
  return Object.entries(REFERENCES).flatMap(([what, reference]) => {
    const { rounds: divisors } = results.find(({ name }) => name === reference)
    return results
      .filter(result => result.what === what)
      .map(({ name, rounds }) => {
        const all = rounds.flat()
        const [p10, p90] = [quantile(all, 0.1) / 1000, quantile(all, 0.9) / 1000]
        return { what, name, median: median(all) / 1000, p10, p90, toRunc: ratio(rounds, divisors) }
      })
  })
}

/** Two: of times, and of memory. */
export const tables = rows => {
  const [memory, times] = [true, false].map(isMemory =>
    rows.filter(({ what }) => what.startsWith('memory') === isMemory),
  )
  return `${table(times, 'ms')}\n\n${table(memory, 'MB')}`
}

function table(rows, unit) {
  const lines = rows.map(
    ({ what, name, median, p10, p90, toRunc }) =>
      `| ${what} | ${name} | ${median.toFixed(2)} | ${p10.toFixed(2)} to ${p90.toFixed(2)} | ${toRunc.toFixed(2)} |`,
  )
  return [`| | | median ${unit} | 10 % to 90 % | × runc |`, '|---|---|---:|---:|---:|', ...lines].join('\n')
}

export function crowdTable(crowds) {
  const lines = crowds.map(
    ({ runtime, alive, startSeconds, removeSeconds }) =>
      `| ${runtime} | ${alive} | ${startSeconds.toFixed(1)} | ${removeSeconds.toFixed(1)} |`,
  )
  return ['| Docker with | alive at once | s to start all | s to remove all |', '|---|---:|---:|---:|', ...lines].join(
    '\n',
  )
}

/** What the budgets are about, as measured. */
export function measured({ results, rows, crowds }) {
  const rounds = name => results.find(result => result.name === name).rounds
  const over = rounds('tsrun state').map((round, index) => median(round) - median(rounds('node -e 0')[index]))
  const ours = crowds.find(({ runtime }) => runtime === 'tsrun')
  const toRunc = name => rows.find(row => row.name === name).toRunc
  return {
    standaloneRun: toRunc('standalone run'),
    standaloneCreate: toRunc('standalone, the command'),
    standaloneExec: toRunc('standalone exec'),
    standaloneState: toRunc('standalone state'),
    standaloneDockerRun: toRunc('docker with standalone'),
    standaloneDockerExec: toRunc('docker exec with standalone'),
    standaloneList: toRunc('standalone list'),
    standaloneCtrRun: toRunc('ctr run with standalone'),
    standaloneCtrExec: toRunc('ctr exec with standalone'),
    standaloneCtrStop: toRunc('ctr stop with standalone'),
    standaloneMemory: Math.max(...MEASURED_MEMORY.map(step => toRunc(`standalone, memory of ${step}`))),
    standaloneSize: statSync(executable).size / 1e6,
    execToRunc: rows.find(({ name }) => name === 'tsrun in-process').toRunc,
    stateOverNode: median(over) / 1000,
    crowdMissing: ours.size - ours.alive,
    crowdLeft: Object.values(ours.left).reduce((sum, count) => sum + Math.max(count, 0), 0),
  }
}
