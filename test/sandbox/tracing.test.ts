/** Spans, as a tracer of OpenTelemetry gets them. */
import t from 'tap'
import { Sandbox, type SandboxTracer } from '../../lib/sandbox/index.js'
import { missing } from '../needs.js'

interface Told {
  readonly name: string
  readonly attributes: Record<string, unknown>
  readonly faults: string[]
  ended: number
}

function recorder(): { tracer: SandboxTracer; spans: Told[] } {
  const spans: Told[] = []
  const startSpan: SandboxTracer['startSpan'] = name => {
    const span: Told = { name, attributes: {}, faults: [], ended: 0 }
    spans.push(span)
    return {
      setAttribute: (key, value) => Object.assign(span.attributes, { [key]: value }),
      recordException: error => span.faults.push(error.name),
      setStatus: ({ code }) => span.faults.push(`status ${code}`),
      end: () => span.ended++,
    }
  }
  return { tracer: { startSpan }, spans }
}

t.test('what is made and run has a span, which ends', { skip: missing('root', 'libseccomp') }, async t => {
  const { tracer, spans } = recorder()
  await using box = await Sandbox.create({ tracer })
  await box.commands.run('exit 3')
  await t.rejects(box.commands.run(['/no/such']), { code: 'ERR_LAUNCH_EXEC' })
  await t.rejects(Sandbox.create({ tracer, rootfs: '/no/such' }), { code: 'ERR_CONFIG_INVALID' })
  t.match(spans, [
    { name: 'sandbox.create', attributes: { 'tsrun.id': box.id, 'tsrun.level': 'full' }, faults: [], ended: 1 },
    { name: 'sandbox.run', attributes: { 'tsrun.verdict': 'exit', 'tsrun.exitCode': 3 }, faults: [], ended: 1 },
    { name: 'sandbox.run', attributes: {}, faults: ['LaunchError', 'status 2'], ended: 1 },
    { name: 'sandbox.create', attributes: {}, faults: ['ConfigError', 'status 2'], ended: 1 },
  ])
})
