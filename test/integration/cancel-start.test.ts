/** Hooks that hang, and hooks that may take long. */
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const hook = (command: string, timeout?: number) => [
  { path: '/bin/sh', args: ['sh', '-c', command], ...(timeout !== undefined && { timeout }) },
]

t.test('start can be cancelled while a hook hangs; the container is killed then', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  for (const kind of ['startContainer', 'poststart'] as const) {
    configure(config => {
      config.process.args = ['/bin/sleep', '1000']
      config.hooks = { [kind]: hook('sleep 1000') }
    })
    const container = await runtime.create({ id: id(kind), bundle, stdio: 'ignore' })
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('enough')), 300)
    await t.rejects(container.start({ signal: controller.signal }), { message: 'enough' }, kind)
    t.match(await container.wait(), { signal: 'SIGKILL' })
    t.match(await container.state(), { status: 'stopped' })
    await container.delete()
  }
})

t.test('an abort that comes early leaves the container as it is', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await t.rejects(container.start({ signal: AbortSignal.abort(new Error('early')) }), { message: 'early' })
  t.match(await container.state(), { status: 'created' })
  await container.start({ signal: new AbortController().signal })
  t.match(await container.wait(), { exitCode: 0 })
})

t.test('the time-out of run ends a hook that hangs too', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    config.hooks = { poststart: hook('sleep 1000') }
  })
  t.match(await runtime.run({ bundle, timeout: 500 }), { timedOut: true, signal: 'SIGKILL' })
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'exit 3']
    config.hooks = { poststart: hook('sleep 1000') }
  })
  t.match(await runtime.run({ bundle, timeout: 500 }), { timedOut: false, exitCode: 3 }, 'it had ended by itself')
})

t.test('a hook may take longer than the timers of Node reach', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.hooks = { createRuntime: hook('sleep 0.2', 3_000_000), startContainer: hook('sleep 0.2', 3_000_000) }
  })
  t.match(await runtime.run({ bundle }), { exitCode: 0 })
})
