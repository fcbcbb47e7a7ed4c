/** Measures, as the SDK of OpenTelemetry collects them. */
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import t, { type Test } from 'tap'
import { Sandbox } from '../../lib/sandbox/index.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'libseccomp') }

function makeMeter(t: Test) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  t.teardown(() => provider.shutdown())
  /** All points by name: [attributes, value]; of a histogram how many values there are, and their sum. */
  const points = async () => {
    await provider.forceFlush()
    const last = exporter.getMetrics().at(-1)
    const metrics = last?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
    return new Map(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        { unit: descriptor.unit, points: dataPoints.map(({ attributes, value }) => ({ attributes, value })) },
      ]),
    )
  }
  return { meter: provider.getMeter('test'), points }
}

const of = (verdict: string) => ({ 'tsrun.verdict': verdict })

t.test('commands, what they use, and sandboxes are counted', skip, async t => {
  const { meter, points } = makeMeter(t)
  const box = await Sandbox.create({ meter })
  const other = await Sandbox.create({ meter })
  for (const command of ['true', 'exit 3', 'exit 4']) await box.commands.run(command)
  await other.commands.run('sleep 0.05')
  const measured = await points()
  t.match(measured.get('tsrun.sandbox.commands'), {
    points: [
      { attributes: of('ok'), value: 2 },
      { attributes: of('exit'), value: 2 },
    ],
  })
  const duration = measured.get('tsrun.sandbox.command.duration')
  t.match(duration, { unit: 's', points: [{ attributes: of('ok'), value: { count: 2 } }, {}] })
  const { sum = 0 } = (duration?.points[0]?.value ?? {}) as { sum?: number }
  t.ok(sum >= 0.05 && sum < 30, `${sum} s`)
  t.match(measured.get('tsrun.sandbox.command.cpu_time'), { unit: 's', points: [{ value: { count: 2 } }, {}] })
  t.match(measured.get('tsrun.sandbox.command.peak_memory'), { unit: 'By', points: [{ value: { min: Number } }, {}] })
  t.match(measured.get('tsrun.sandbox.live'), { points: [{ value: 2 }] })
  await box.reset()
  t.match((await points()).get('tsrun.sandbox.live'), { points: [{ value: 2 }] }, 'a reset is none more and none less')
  await Promise.all([box.stop(), box.stop(), other.stop()])
  t.match((await points()).get('tsrun.sandbox.live'), { points: [{ value: 0 }] })
})

t.test('a pool counts those that are ready; one that can not be made is none', skip, async t => {
  const { meter, points } = makeMeter(t)
  await t.rejects(Sandbox.create({ meter, rootfs: '/no/such' }), { code: 'ERR_CONFIG_INVALID' })
  const pool = await Sandbox.pool({ size: 2, meter })
  t.match((await points()).get('tsrun.sandbox.live'), { points: [{ value: 2 }] })
  await pool.stop()
  t.match((await points()).get('tsrun.sandbox.live'), { points: [{ value: 0 }] })
})

t.test('what the gateway refuses is counted once, also that of commands in the background', skip, async t => {
  const { meter, points } = makeMeter(t)
  const box = await Sandbox.create({ meter, network: { allow: ['example.org:443'] } })
  t.teardown(() => box.stop())
  const refused = ['bash', '-c', 'exec 3<>/dev/tcp/other.example/443']
  t.equal((await box.commands.run(refused)).verdict, 'denied')
  const sum = async () => {
    const all = (await points()).get('tsrun.sandbox.denials')?.points ?? []
    return all.reduce((total, { value }) => total + Number(value), 0)
  }
  const told = box.denials.reduce((total, { count }) => total + count, 0)
  t.ok(told > 0)
  t.equal(await sum(), told)
  await (await box.commands.start(refused)).exited
  const more = box.denials.reduce((total, { count }) => total + count, 0)
  t.ok(more > told)
  await box.stop()
  t.equal(await sum(), more)
})

t.test('spans reach the SDK, also of what is started', skip, async t => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  t.teardown(() => provider.shutdown())
  await using box = await Sandbox.create({ tracer: provider.getTracer('test') })
  await using process = await box.commands.start(['sleep', '1000'])
  await box.commands.run('true')
  t.match(
    exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes })),
    [
      { name: 'sandbox.create', attributes: { 'tsrun.id': box.id } },
      { name: 'sandbox.start', attributes: { 'tsrun.pid': process.pid } },
      { name: 'sandbox.run', attributes: of('ok') },
    ],
  )
})

t.test('what is no meter is an error that names it', skip, async t => {
  await t.rejects(Sandbox.create({ meter: {} as never }), { code: 'ERR_CONFIG_INVALID', message: /meter: .*getMeter/ })
})
