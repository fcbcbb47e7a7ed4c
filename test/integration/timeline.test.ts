/** Where the time of a create goes, as the runtime and the helper tell it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { drawTimeline, type TimelineEntry } from '../../lib/index.js'
import { makeBundle, type TestBundle, type TestConfig } from '../bundle.js'
import { commandOn } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const drawn = { skip: missing('root', 'busybox', 'python3') }

/** Creates a container and deletes it. */
async function timelineOf({ runtime, bundle, id, configure }: TestBundle, change: (config: TestConfig) => void) {
  configure(change)
  let timeline: readonly TimelineEntry[] = []
  const before = performance.now()
  const onTimeline = (told: readonly TimelineEntry[]): void => {
    timeline = told
  }
  const container = await runtime.create({ id: id(), bundle, onTimeline })
  const wallUs = (performance.now() - before) * 1000
  await container.delete({ force: true })
  return { timeline, wallUs, ops: await opsOf({ runtime, bundle }) }
}

async function opsOf({ runtime, bundle }: Pick<TestBundle, 'runtime' | 'bundle'>): Promise<string[]> {
  const { ops } = JSON.parse(JSON.stringify(await runtime.plan(bundle))) as { ops: { op: string }[] }
  return ops.map(({ op }) => op)
}

const endOf = ({ startUs, durationUs }: TimelineEntry): number => startUs + durationUs
const stepsOf = (timeline: readonly TimelineEntry[]) => timeline.filter(({ who }) => who === 'helper')
const BEFORE_PLAN = ['start of the helper', 'namespaces', 'wait for the plan', 'check of the plan']

/** Of one side: each step begins where the one before has ended. */
const gaps = (entries: readonly TimelineEntry[]): number[] =>
  entries.slice(1).map((entry, index) => entry.startUs - endOf(entries[index] as TimelineEntry))

t.test('each op up to the created barrier has its time, within that of the call', skip, async t => {
  const { timeline, wallUs, ops } = await timelineOf(makeBundle(t), () => {})
  const steps = stepsOf(timeline)
  t.same(
    steps.map(({ name }) => name),
    [...BEFORE_PLAN, ...ops.slice(0, ops.indexOf('created'))],
  )
  const own = timeline.filter(({ who }) => who !== 'helper')
  t.ok(own.length > 8, `${own.length} steps of the runtime`)
  for (const side of [steps, own]) t.ok(Math.max(...gaps(side).map(Math.abs)) < 1, 'no gaps')
  t.ok(timeline.every(({ startUs, durationUs }) => startUs >= 0 && durationUs >= 0))
  t.ok(Math.max(...timeline.map(endOf)) <= wallUs + 1, 'all of it is within the call')
  t.ok(own.reduce((sum, { durationUs }) => sum + durationUs, 0) > wallUs / 2, 'and most of the call is told')
  const mount = steps.find(({ name }) => name === 'mount_fs')
  t.match(mount, { phase: 'MOUNT', origin: /^\/mounts\/\d+$/ })
  t.ok(mount !== undefined && mount.durationUs > 0, 'a mount takes some time')
})

t.test('a slow hook is seen where it is', skip, async t => {
  const { timeline } = await timelineOf(makeBundle(t), config => {
    config.hooks = { createRuntime: [{ path: '/bin/sleep', args: ['sleep', '0.3'] }] }
  })
  const long = timeline.filter(({ durationUs }) => durationUs >= 290_000)
  t.same(long.map(({ name }) => name).sort(), ['limits, devices and hooks', 'prepare'], 'who runs it, and who waits')
})

t.test(
  'with a filter that comes before the barrier, up to that',
  { skip: missing('root', 'busybox', 'libseccomp') },
  async t => {
    const { timeline, ops } = await timelineOf(makeBundle(t), config => {
      config.process.noNewPrivileges = false
      config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' }
    })
    t.ok(ops.indexOf('seccomp') < ops.indexOf('created'), 'it comes before')
    t.equal(stepsOf(timeline).length, BEFORE_PLAN.length + ops.indexOf('seccomp'))
  },
)

t.test('a time namespace has another clock, and moves nothing', skip, async t => {
  const { timeline, wallUs } = await timelineOf(makeBundle(t), config => {
    config.linux.namespaces = [...(config.linux.namespaces ?? []), { type: 'time' }]
    config.linux.timeOffsets = { monotonic: { secs: 1_000_000 } }
  })
  t.ok(Math.max(...timeline.map(endOf)) <= wallUs + 1)
  t.ok(stepsOf(timeline).some(({ name }) => name === 'pivot_root'))
})

t.test('in a user namespace the helper is executed twice, and told as one', skip, async t => {
  const { timeline, ops } = await timelineOf(makeBundle(t), config => {
    config.linux.namespaces = [...(config.linux.namespaces ?? []), { type: 'user' }]
    config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 65536 }]
  })
  t.equal(stepsOf(timeline).length, BEFORE_PLAN.length + ops.indexOf('created'))
  t.ok(timeline.some(({ name, who }) => name === 'maps of ids' && who === 'host'))
})

t.test('a plan of a thousand ops is told in several frames', skip, async t => {
  const { timeline, ops } = await timelineOf(makeBundle(t), config => {
    const more = Array.from({ length: 700 }, (_, n) => ({
      destination: `/tmp/${n}`,
      type: 'bind',
      source: '/tmp',
      options: ['bind'],
    }))
    config.mounts = [...config.mounts, ...more]
  })
  t.ok(ops.length > 700)
  t.equal(stepsOf(timeline).length, BEFORE_PLAN.length + ops.indexOf('created'))
})

t.test('what the listener throws undoes the create', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const onTimeline = (): void => {
    throw new RangeError('no')
  }
  await t.rejects(runtime.create({ id: id(), bundle, onTimeline }), RangeError)
  t.same(await runtime.list(), [])
  await t.rejects(runtime.create({ id: id(), bundle, onTimeline: 1 as never }), { code: 'ERR_CONFIG_INVALID' })
})

/** What an XML parser makes of it: the texts, and how many bars there are. */
function parsed(svg: string): { texts: string[]; bars: number } {
  const program = `import sys, json, xml.etree.ElementTree as e
root = e.fromstring(sys.stdin.buffer.read())
g = [x for x in root.iter() if x.tag.endswith('}g')]
print(json.dumps({'texts': [''.join(x.itertext()) for x in root.iter() if x.tag.endswith('}text')], 'bars': len(g)}))`
  return JSON.parse(execFileSync('python3', ['-c', program], { input: svg, encoding: 'utf8' }))
}

const step = (fields: Partial<TimelineEntry>): TimelineEntry => ({
  ...{ name: 'mount_fs', who: 'helper', phase: 'MOUNT', origin: '', startUs: 0, durationUs: 5 },
  ...fields,
})

t.test('the picture is XML, whatever the names are', { skip: missing('python3') }, t => {
  const evil = `<script>alert("1")</script> & ' ]]> \0\u0007 \ud800 \uffff`
  const svg = drawTimeline([step({ name: evil }), step({ origin: '/mounts/3', startUs: 5, durationUs: 0 })], {
    title: evil,
  })
  const { texts, bars } = parsed(svg)
  t.equal(bars, 2)
  t.match(texts[0], /^<script>alert\("1"\)<\/script> & ' \]\]> /, 'as text')
  t.ok(texts.includes('mount_fs /mounts/3'))
  t.notMatch(svg, '<script')
  t.equal(
    svg,
    drawTimeline([step({ name: evil }), step({ origin: '/mounts/3', startUs: 5, durationUs: 0 })], { title: evil }),
  )
  t.equal(parsed(drawTimeline([])).bars, 0, 'also of nothing')
  t.end()
})

t.test('the command draws it, and leaves nothing', drawn, async t => {
  const box = makeBundle(t)
  const run = commandOn(box)
  const file = join(box.directory, 'a <&> b.svg')
  const { status, stdout, stderr } = run(['plan', '--timeline', file, box.bundle])
  t.match({ status, stderr }, { status: 0, stderr: '' })
  t.equal(stdout, run(['plan', box.bundle]).stdout, 'the plan is shown as it is without')
  const { texts, bars } = parsed(readFileSync(file, 'utf8'))
  t.ok(bars > 20, `${bars} bars`)
  t.match(texts[0], /^create of .*: \d+ µs$/)
  t.ok(texts.includes('pivot_root /root/path'))
  t.equal(run(['list', '-q']).stdout, '')
  t.match(run(['plan', '--timeline', '/proc/nowhere/x', box.bundle]), { status: 1, stderr: /ENOENT/ })
  t.equal(run(['list', '-q']).stdout, '')
  const missingRoot = join(box.directory, 'other.svg')
  t.match(run(['plan', '--timeline', missingRoot, '/no/such']), { status: 1 })
  t.notOk(existsSync(missingRoot))
})
