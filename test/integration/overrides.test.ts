/** What a call changes of a configuration, without editing it. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { baseConfig, makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const sh = (command: string) => ['/bin/sh', '-c', command]

t.test('args, env, cwd, user and mounts are those of the call', skip, async t => {
  const { runtime, bundle, rootfs, directory, configure } = makeBundle(t)
  configure(config => {
    config.process.env = ['PATH=/bin', 'KEPT=1', 'CHANGED=no', 'GONE=1']
    config.process.user = { uid: 7, gid: 8 }
  })
  const source = join(directory, 'source')
  mkdirSync(source)
  chmodSync(source, 0o755)
  chmodSync(directory, 0o755)
  writeFileSync(join(source, 'file'), 'mounted')
  const before = readFileSync(join(bundle, 'config.json'), 'utf8')
  const overrides = {
    args: sh('echo $KEPT $CHANGED [$GONE] $NEW; pwd; id -u; id -g; cat /data/file'),
    env: { CHANGED: 'yes', NEW: 'a=b', GONE: undefined },
    cwd: '/tmp',
    user: { uid: 1000 },
    mounts: [{ destination: '/data', source, type: 'none', options: ['bind', 'ro'] }],
  }
  const expected = '1 yes [] a=b\n/tmp\n1000\n8\nmounted'
  t.match(await runtime.run({ bundle, ...overrides }), { stdout: expected, exitCode: 0 })
  t.match(
    await runtime.run({ config: { ...baseConfig(), process: JSON.parse(before).process }, rootfs, ...overrides }),
    {
      stdout: expected,
    },
  )
  t.equal(readFileSync(join(bundle, 'config.json'), 'utf8'), before)
  t.match(await runtime.run({ bundle, args: sh('echo $CHANGED') }), { stdout: 'no\n' })
})

t.test("a process that is exec'd later has them too", skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const options = { args: ['/bin/sleep', '1000'], env: { NEW: '1' }, cwd: '/tmp', user: { uid: 5 } }
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore', ...options })
  await container.start()
  t.match(await container.run({ args: sh('echo $NEW; pwd; id -u') }), { stdout: '1\n/tmp\n5\n' })
  t.match(await container.run({ args: sh('echo [$NEW] $MORE'), env: { NEW: undefined, MORE: '2' } }), {
    stdout: '[] 2\n',
  })
})

t.test('a configuration without a process gets one', skip, async t => {
  const { runtime, rootfs } = makeBundle(t)
  const { process: _, ...config } = baseConfig()
  t.match(await runtime.run({ config, rootfs, args: ['/bin/echo', 'it'], env: { PATH: '/bin' } }), { stdout: 'it\n' })
})

t.test('plan shows them', skip, async t => {
  const { runtime, bundle } = makeBundle(t)
  const plan = await runtime.plan({ bundle, args: ['/bin/other', 'argument'], cwd: '/tmp' }, { showEnv: true })
  t.match(plan.toString(), /\/bin\/other/)
})

t.test('what is wrong with one is told by its name, and by its place in the configuration', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.mounts.splice(1)
  })
  const wrong: [Record<string, unknown>, string, RegExp][] = [
    [{ args: [] }, '/process/args', /option args\)/],
    [{ args: ['a', 5] }, '/process/args/1', /option args\[1\]\)/],
    [{ args: 'echo' }, '/process/args', /option args\)/],
    [{ cwd: 'relative' }, '/process/cwd', /option cwd\)/],
    [{ user: { uid: -1 } }, '/process/user/uid', /option user\.uid\)/],
    [{ user: 'root' }, '/process/user', /option user\)/],
    [{ mounts: [{ destination: '/x' }] }, '/mounts/1/type', /option mounts\[0\]\.type\)/],
    [{ mounts: {} }, '/mounts', /option mounts\)/],
    [{ env: { 'A=B': '1' } }, '', /^env\["A=B"\]: must be a name/],
    [{ env: { '': '1' } }, '', /^env\[""\]: must be a name/],
    [{ env: { A: 1 } }, '', /^env\["A"\]: must be a string or undefined, but is 1/],
    [{ env: { A: 'a\0b' } }, '/process/env/2', /option env\["A"\]\)/],
    [{ env: ['A=1'] }, '', /^env: must be an object of strings/],
  ]
  for (const [options, path, message] of wrong) {
    const told = { code: 'ERR_CONFIG_INVALID', message, issues: [{ path }] }
    await t.rejects(runtime.run({ bundle, ...options }), told, JSON.stringify(options))
    await t.rejects(runtime.plan({ bundle, ...options }), told, JSON.stringify(options))
  }
  t.strictSame(await runtime.list(), [])
})
