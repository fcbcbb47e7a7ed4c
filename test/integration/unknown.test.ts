import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { OciConfig } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { tsrun } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** What JavaScript lets through, and a slip of the keyboard in TypeScript that a cast hides. */
const loose = (value: object): object => value as never

const naming = (path: string) => ({ code: 'ERR_CONFIG_INVALID', issues: [{ path }] })

t.test('unknown properties that matter for safety are refused, others are told', skip, async t => {
  const { runtime, bundle, rootfs, configure, log } = makeBundle(t)
  const attempt = async (change: (config: Record<string, never>) => void) => {
    configure(config => change(config as never))
    return runtime.plan(bundle)
  }
  const put = (path: string, value: unknown) => (whole: object) => {
    const keys = path.split('/').slice(1)
    const last = keys.pop() ?? ''
    let target = whole as Record<string, unknown>
    for (const key of keys) {
      target[key] ??= {}
      target = target[key] as Record<string, unknown>
    }
    target[last] = value
  }
  const unsafe = {
    '/process/user/usr': 'nobody',
    '/process/user/UID': 1000,
    '/process/noNewPriviliges': true,
    '/process/capabilities/bounded': [],
    '/linux/seccomps': {},
    '/linux/resources/memory/limits': 5,
    '/linux/resources/pid': { limit: 5 },
    '/linux/namespaces/0/paths': '/x',
    '/linux/maskedPath': [],
    '/mounts/0/option': ['ro'],
    '/root/readOnly': true,
    '/hooks/creatRuntime': [],
    '/linx': {},
    '/Process': {},
  }
  for (const [path, value] of Object.entries(unsafe))
    await t.rejects(attempt(put(path, value)), { code: 'ERR_CONFIG_INVALID', issues: [{ path }] }, path)
  await t.rejects(attempt(put('/process/user/username', 'nobody')), {
    code: 'ERR_CONFIG_UNSUPPORTED',
    issues: [{ path: '/process/user/username' }],
  })
  const config: OciConfig = { ociVersion: '1.2.0', process: { cwd: '/', args: ['x'], ...loose({ uid: 5 }) } }
  await t.rejects(runtime.plan({ config, rootfs }), naming('/process/uid'))

  for (const [path, value] of Object.entries({ '/windows': {}, '/org.example': 1, '/linux/intelRdt/more': 1 })) {
    const { warnings } = await attempt(put(path, value))
    t.match(warnings.join('\n'), `${path}: unknown property, ignored`)
  }
  t.same(log, [])
})

t.test('exec refuses them too', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  const user = loose({ username: 'user' })
  await t.rejects(container.exec({ args: ['/bin/id'], user }), {
    code: 'ERR_CONFIG_UNSUPPORTED',
    issues: [{ path: '/process/user/username' }],
  })
  await t.rejects(container.exec({ args: ['/bin/id'], user: loose({ Uid: 1 }) }), naming('/process/user/Uid'))
  const process = { cwd: '/', args: ['/bin/id'], noNewPrivilege: true }
  await t.rejects(container.exec({ process }), naming('/process/noNewPrivilege'))
  await t.rejects(container.update(loose({ memory: { limt: 5 } })), naming('/linux/resources/memory/limt'))
})

t.test('the command ignores unknown properties, as the specification demands', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => Object.assign(config.process, { unheardOf: true }))
  const { status, stderr } = tsrun(['--root', runtime.root, 'run', '--bundle', bundle, id()])
  t.equal(status, 0, stderr)
  t.match(stderr, /unheardOf: unknown property, ignored/)
})

t.test('without a log a warning goes to process.emitWarning, once', skip, async t => {
  const { runtime, bundle, directory, configure, id } = makeBundle(t)
  configure(config => Object.assign(config, { windows: {} }))
  const file = join(directory, 'warned.mjs')
  writeFileSync(
    file,
    `import { createRuntime } from ${JSON.stringify(resolve('dist/index.js'))}
const [root, bundle, id] = process.argv.slice(2)
process.on('warning', ({ name, code, message }) => console.log(name, code, message))
for (let i = 0; i < 3; i++) await createRuntime({ root }).run({ id, bundle, stdio: 'ignore' })`,
  )
  const { stdout, stderr } = spawnSync(process.execPath, [file, runtime.root, bundle, id()], { encoding: 'utf8' })
  t.equal(stdout.match(/TsrunWarning TSRUN_WARNING .*\/windows: unknown property/g)?.length, 1, stdout + stderr)
})

t.test('sizes may be written as a person writes them', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.update({ memory: { limit: '64M' } })
  t.equal((await container.stats()).memory?.limit, 64 << 20)
  await container.update({ memory: { limit: '0.125 GiB', reservation: '1k' } })
  t.equal((await container.stats()).memory?.limit, 128 << 20)
  await t.rejects(container.update({ memory: { limit: '64 apples' } }), {
    code: 'ERR_CONFIG_INVALID',
    issues: [{ path: '/linux/resources/memory/limit', message: /such as "64M"/ }],
  })
})
