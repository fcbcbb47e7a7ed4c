import t from 'tap'
import { parseDuration } from '../../lib/cli/commands/events.js'
import { statsJson } from '../../lib/cli/commands/stats-json.js'

t.test('durations are read as they are written for runc', async t => {
  t.equal(parseDuration('5s'), 5000)
  t.equal(parseDuration('1m30s'), 90_000)
  t.equal(parseDuration('250ms'), 250)
  t.equal(parseDuration('1.5h'), 5_400_000)
  t.equal(parseDuration('0'), 0)
  t.equal(parseDuration('-1s'), -1000)
  for (const text of ['', '5', 's', '5 s', '5x', '5s!']) t.throws(() => parseDuration(text), /invalid value/, text)
})

const NONE = { usage: 1, limit: null, peak: null, failures: 0 }
const EMPTY = { cpu: null, cpuset: null, pids: null, io: null, hugetlb: {} } as const

t.test('no limit is written with all digits, those of the version', async t => {
  const memory = { ...NONE, cache: 0, swap: NONE, kernelTCP: null, oomKills: 0, raw: { b: 1, a: 2 }, pressure: null }
  const first = statsJson('box', { ...EMPTY, memory: { ...memory, kernel: NONE } })
  t.match(first, '"kernel":{"limit":9223372036854771712,"usage":1,"failcnt":0}')
  t.match(first, '"raw":{"a":2,"b":1}')
  const second = statsJson('box', { ...EMPTY, memory: { ...memory, kernel: null } })
  t.match(second, '"usage":{"limit":18446744073709551615,"usage":1,"failcnt":0}')
  t.match(second, '"swap":{"limit":18446744073709551615,"usage":2,"failcnt":0}', 'with memory, as on version 1')
})

t.test('pressure is told if the host accounts for it', async t => {
  const share = { average10: 0.5, average60: 1, average300: 2, total: 3 }
  const cpu = {
    usage: { total: 9, user: 4, kernel: 5, perCpu: null },
    throttling: { periods: 0, throttledPeriods: 0, throttledTime: 0 },
    pressure: { some: share, full: null },
  }
  const { data } = JSON.parse(statsJson('box', { ...EMPTY, memory: null, cpu }))
  t.strictSame(data.cpu, {
    usage: { total: 9, kernel: 5, user: 4 },
    throttling: {},
    psi: {
      some: { avg10: 0.5, avg60: 1, avg300: 2, total: 3 },
      full: { avg10: 0, avg60: 0, avg300: 0, total: 0 },
    },
  })
})
