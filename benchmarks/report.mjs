/** The table, and whether the budgets are kept. */
import { median, quantile, ratio } from './statistics.mjs'

const VIEWS = { host: "the host's", v2: 'v2 only' }
const milliseconds = microseconds => (microseconds / 1000).toFixed(2)

/** One row of figures for each subject, in milliseconds. */
export function rowsOf(results) {
  return results.map(({ name, view, rounds }) => {
    const of = other => results.find(result => result.name === other && result.view === view)
    const all = rounds.flat()
    return {
      name,
      view,
      cycles: all.length,
      median: median(all) / 1000,
      p10: quantile(all, 0.1) / 1000,
      p90: quantile(all, 0.9) / 1000,
      toFloor: ratio(rounds, of('C floor').rounds),
      toRunc: ratio(rounds, of('runc run').rounds),
    }
  })
}

export function table(rows) {
  const lines = rows.map(
    ({ name, view, median, p10, p90, toFloor, toRunc }) =>
      `| ${name} | ${VIEWS[view]} | ${median.toFixed(2)} | ${p10.toFixed(2)} to ${p90.toFixed(2)} | ${toFloor.toFixed(2)} | ${toRunc.toFixed(2)} |`,
  )
  return [
    '| | cgroups | median ms | 10 % to 90 % | × C floor | × runc |',
    '|---|---|---:|---:|---:|---:|',
    ...lines,
  ].join('\n')
}

/** What each budget is about, as measured. */
export function measured({ results, rows, heap, leak, stall }) {
  const row = name => rows.find(row => row.name === name && row.view === 'host')
  const rounds = name => results.find(result => result.name === name && result.view === 'host').rounds
  const { heap: heapBytes, ...objects } = leak.more
  const over = rounds('tsrun run').map((round, index) => median(round) - median(rounds('node -e 0')[index]))
  return {
    inProcessToFloor: row('tsrun in-process').toFloor,
    preparedToFloor: row('tsrun prepared').toFloor,
    inFlight: ratio(rounds('create, 100 in flight'), rounds('create, one by one')),
    inProcessToRunc: row('tsrun in-process').toRunc,
    commandOverNode: Number(milliseconds(median(over))),
    heapEffect: heap.effect,
    initMemory: leak.initKilobytes,
    leakedObjects: Object.values(objects).reduce((sum, count) => sum + Math.max(count, 0), 0),
    leakedHeap: Math.round(heapBytes / 1024),
    longestStall: Math.max(...Object.values(stall).map(({ wall }) => wall)),
  }
}

/** Whether each budget is kept by the value of its name. */
export function judge(budgets, values) {
  return Object.entries(budgets).map(([name, { max, unit, what }]) => {
    const value = values[name]
    return { name, what, value, max, unit, isKept: value <= max }
  })
}

export function budgetTable(verdicts) {
  const number = value => String(Number(value.toFixed(2)))
  const lines = verdicts.map(
    ({ what, value, max, unit, isKept }) =>
      `| ${isKept ? 'pass' : '**FAIL**'} | ${what} | ${number(value)} ${unit} | ${max} ${unit} |`,
  )
  return ['| | budget | measured | at most |', '|---|---|---:|---:|', ...lines].join('\n')
}
