import t from 'tap'
import { createCommandRuntime } from '../../lib/for-command.js'
import { createRuntime } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** What JavaScript lets through, and a slip of the keyboard in TypeScript that a cast hides. */
const loose = (options: object): never => options as never
const refused = (message: RegExp) => ({ code: 'ERR_CONFIG_INVALID', message })

t.test('options that are not known are refused, with the name that was meant', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const timeOut = refused(/^timeOut: is no option of run: did you mean "timeout"\?$/)
  await t.rejects(runtime.run(loose({ bundle, timeOut: 5 })), timeOut)
  await t.rejects(runtime.create(loose({ id: id(), bundle, stdIO: 'pipe' })), refused(/stdIO.*did you mean "stdio"/))
  await t.rejects(runtime.create(loose({ id: id(), bundle, colour: 1 })), refused(/^colour: is no option of create$/))
  t.throws(() => createRuntime(loose({ rot: '/x' })), refused(/createRuntime: did you mean "root"/))
  await t.rejects(runtime.plan(bundle, loose({ showenv: true })), refused(/did you mean "showEnv"/))
  t.same(await runtime.list(), [])

  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await t.rejects(container.start(loose({ signals: 1 })), refused(/start: did you mean "signal"/))
  await container.start()
  await t.rejects(container.kill('TERM', loose({ al: true })), refused(/kill: did you mean "all"/))
  await t.rejects(container.delete(loose({ forced: true })), refused(/delete: did you mean "force"/))
  await t.rejects(runtime.delete(id(), loose({ forced: true })), refused(/"force"/))
  await t.rejects(container.exec(loose({ arg: ['/bin/true'] })), refused(/exec: did you mean "args"/))
  await t.rejects(container.run(loose({ args: ['/bin/true'], timeOut: 1 })), refused(/run: did you mean "timeout"/))
  await t.rejects(container.events(loose({ intervall: 5 })).next(), refused(/"interval"/))
  await t.rejects(container.update({}, loose({ l3CacheSchemas: '' })), refused(/"l3CacheSchema"/))
  await t.rejects(container.ready(loose({ signals: 1 })), refused(/"signal"/))
  await t.rejects(container.stop(loose({ grase: 1 })), refused(/"grace"/))
  await t.rejects(container.wait(loose({ drains: 1 })), refused(/"drain"/))
  t.equal((await container.state()).status, 'running')
})

t.test('options of another type, or with a value that does not exist, are refused', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const create = (options: object) => runtime.create(loose({ id: id(), bundle, ...options }))
  await t.rejects(create({ stdio: 'foo' }), refused(/^stdio: must be "pipe".*, but is "foo"/))
  await t.rejects(create({ stdio: ['pipe', 'pipe'] }), refused(/stdio: must be/))
  await t.rejects(create({ stdio: ['pipe', 'pipe', 1.5] }), refused(/stdio: must be/))
  await t.rejects(create({ stdio: -1 }), refused(/stdio: must be/))
  await t.rejects(create({ init: 'yes' }), refused(/init: must be true or false/))
  await t.rejects(create({ extraFds: 3 }), refused(/extraFds: must be an array/))
  await t.rejects(create({ signal: {} }), refused(/signal: must be an AbortSignal/))
  await t.rejects(create({ bundle: 7 }), refused(/bundle: must be a string/))
  t.throws(() => createRuntime(loose({ log: 'yes' })), refused(/log: must be a function/))
  t.throws(() => createRuntime('/run/x' as never), refused(/must be an object/))
  t.same(await runtime.list(), [])
  await runtime.run({ bundle, stdio: 'ignore', ...(loose({ init: undefined }) as object) })
})

t.test('what only the command needs is no option of the library', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const ofCreate = { lineFeedsOnly: false, pidfdSocket: '/x', extraEnv: [], leavesStatus: true }
  for (const [name, value] of Object.entries(ofCreate)) {
    const unknown = refused(new RegExp(`^${name}: is no option of create`))
    await t.rejects(runtime.create(loose({ id: id(), bundle, [name]: value })), unknown)
    await t.rejects(runtime.run(loose({ bundle, [name]: value })), {
      message: new RegExp(`^${name}: is no option of run`),
    })
  }
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  for (const [name, value] of Object.entries({ lineFeedsOnly: false, pidfdSocket: '/x', outlivesCaller: true })) {
    const unknown = refused(new RegExp(`^${name}: is no option of exec`))
    await t.rejects(container.exec(loose({ args: ['/bin/true'], [name]: value })), unknown)
  }
  // Its cgroup is that of the bundle.
  await container.delete({ force: true })

  const ofCommand = createCommandRuntime({ root: runtime.root })
  const made = await ofCommand.create({
    id: id('command'),
    bundle,
    stdio: 'ignore',
    leavesStatus: true,
    extraEnv: ['A=b'],
  })
  t.equal(made.owner, null)
  await t.rejects(ofCommand.create(loose({ id: id('command'), bundle, leaveStatus: true })), refused(/"leavesStatus"/))
  await made.delete({ force: true })
})
