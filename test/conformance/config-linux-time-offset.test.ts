import { readFileSync } from 'node:fs'
import t from 'tap'
import type { OciConfig } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type Offsets = NonNullable<NonNullable<OciConfig['linux']>['timeOffsets']>

/** What the kernel has as the offsets of the container. */
async function offsetsOf(t: Parameters<typeof makeBundle>[0], timeOffsets: Offsets) {
  const container = await createSleeper(makeBundle(t), config => {
    config.linux.namespaces?.push({ type: 'time' })
    config.linux.timeOffsets = timeOffsets
  })
  const table = readFileSync(`/proc/${container.pid}/timens_offsets`, 'utf8')
  return lines(table).map(line => line.split(/ +/))
}

t.test('config-linux.md#offset-for-time-namespace: both clocks', skip, async t => {
  const offsets = await offsetsOf(t, { monotonic: { secs: 86400, nanosecs: 5 }, boottime: { secs: 604800 } })
  t.strictSame(offsets, [
    ['monotonic', '86400', '5'],
    ['boottime', '604800', '0'],
  ])
})

t.test('config-linux.md#offset-for-time-namespace: one clock leaves the other alone', skip, async t => {
  t.strictSame(await offsetsOf(t, { boottime: { secs: 100, nanosecs: 999999999 } }), [
    ['monotonic', '0', '0'],
    ['boottime', '100', '999999999'],
  ])
})

t.test('config-linux.md#offset-for-time-namespace: an offset may be negative, and have no seconds', skip, async t => {
  t.strictSame(await offsetsOf(t, { monotonic: { secs: -1, nanosecs: 1 }, boottime: { nanosecs: 7 } }), [
    ['monotonic', '-1', '1'],
    ['boottime', '0', '7'],
  ])
})

t.test('config-linux.md#offset-for-time-namespace: the process sees the clock', skip, async t => {
  const before = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'))
  const { stdout } = await makeBundle(t).sh('cat /proc/uptime', config => {
    config.linux.namespaces?.push({ type: 'time' })
    config.linux.timeOffsets = { boottime: { secs: 1_000_000 } }
  })
  const moved = Number.parseFloat(stdout) - before
  t.ok(moved >= 1_000_000 && moved < 1_000_060, `${moved} seconds`)
})

t.test('config-linux.md#offset-for-time-namespace: together with a user namespace', skip, async t => {
  const container = await createSleeper(makeBundle(t), config => {
    config.linux.namespaces?.push({ type: 'time' }, { type: 'user' })
    config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 10 }]
    config.linux.timeOffsets = { monotonic: { secs: 12 } }
  })
  t.match(readFileSync(`/proc/${container.pid}/timens_offsets`, 'utf8'), /^monotonic +12 +0/)
})

t.test('config-linux.md#offset-for-time-namespace: without a new time namespace it is an error', skip, async t => {
  const bundle = makeBundle(t)
  const timeOffsets = { boottime: { secs: 1 } }
  const absent = await createError(bundle, config => (config.linux.timeOffsets = timeOffsets))
  t.match(absent, invalid('/linux/timeOffsets'))
  const joined = await createError(bundle, config => {
    config.linux.namespaces?.push({ type: 'time', path: '/proc/self/ns/time' })
    config.linux.timeOffsets = timeOffsets
  })
  t.match(joined, invalid('/linux/timeOffsets'))
})

t.test(
  'config-linux.md#offset-for-time-namespace: an offset that the kernel refuses names the field',
  skip,
  async t => {
    const error = await createError(makeBundle(t), config => {
      config.linux.namespaces?.push({ type: 'time' })
      config.linux.timeOffsets = { monotonic: { secs: -1_000_000_000 } }
    })
    t.match(error, { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/linux/timeOffsets', errno: 'ERANGE' })
  },
)

t.test('config-linux.md#offset-for-time-namespace: nanoseconds beyond a second are an error', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.linux.namespaces?.push({ type: 'time' })
    config.linux.timeOffsets = { monotonic: { nanosecs: 1_000_000_000 } }
  })
  t.match(error, invalid('/linux/timeOffsets/monotonic/nanosecs'))
})
