/** Containers of a configuration that was read once. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compile } from '../../lib/compile/index.js'
import { probeHost } from '../../lib/host/probe.js'
import type { OciConfig } from '../../lib/index.js'
import { compileOnce } from '../../lib/operations/blueprint.js'
import { openBundle } from '../../lib/operations/bundle.js'
import { makeBundle, makeRootfs } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const refused = (message: RegExp) => ({ code: 'ERR_CONFIG_INVALID', message })

t.test('a plan of the same configuration is made once, and is that of each container', async t => {
  const { bundle } = makeBundle(t)
  const facts = probeHost()
  const found = await openBundle({ bundle }, () => '')
  const options = (id: string) => ({ id, bundle: found.base, rootfs: found.rootfs })
  const once = (id: string, config = found.config) => compileOnce(found, { config, facts, options: options(id) })
  const first = once('first')
  const second = once('second')
  t.same(second, compile({ config: found.config, facts, options: options('second') }))
  t.equal(second.plan.slots, first.plan.slots, 'not compiled again')
  const other = { ...found.config, mounts: found.config.mounts.slice(1) }
  t.same(once('other', other), compile({ config: other, facts, options: options('other') }), 'with other mounts it is')
  const noPivot = { config: found.config, facts, options: { ...options('first'), noPivot: true } }
  t.same(compileOnce(found, noPivot), compile(noPivot), 'and with other options')
  t.not(compileOnce(found, { ...noPivot, facts: { ...facts } }).plan.slots, once('first').plan.slots, 'or facts')
})

const LOOK =
  'hostname; id; grep -E "^(Cap|Seccomp|NoNew)" /proc/self/status; sed "s/^[^ ]* //" /proc/self/mounts; ls /data'

t.test('a container of it is as one of create', skip, async t => {
  const { runtime, bundle, directory, id, configure } = makeBundle(t)
  configure(config => {
    delete config.linux.cgroupsPath
    config.process.args = ['/bin/sh', '-c', LOOK]
    config.mounts.push({ destination: '/data', type: 'bind', source: `${directory}/source`, options: ['bind', 'ro'] })
  })
  makeRootfs(join(directory, 'source'))
  const expected = await runtime.run({ bundle })
  t.equal(expected.exitCode, 0, expected.stderr)
  const prepared = await runtime.prepare({ bundle })
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as OciConfig
  const ofObject = await runtime.prepare({ config, rootfs: join(bundle, 'rootfs') })
  const results = await Promise.all([
    ...Array.from({ length: 5 }, () => prepared.run()),
    ...Array.from({ length: 5 }, () => ofObject.run()),
  ])
  for (const { stdout, exitCode } of results)
    t.strictSame({ stdout, exitCode }, { stdout: expected.stdout, exitCode: 0 })
  const container = await prepared.create(id('one'), { notify: true })
  t.equal((await container.state()).id, id('one'))
  await t.rejects(prepared.create(id('one')), { code: 'ERR_STATE_EXISTS' }, 'each has its own id')
  await container.delete({ force: true })
  t.strictSame(await runtime.list(), [])
})

t.test('the configuration is that of before, the host that of now', skip, async t => {
  const { runtime, bundle, rootfs, directory, configure } = makeBundle(t)
  makeRootfs(join(directory, 'source'))
  configure(config => {
    delete config.linux.cgroupsPath
    config.process.args = ['/bin/cat', '/etc/name', '/data/etc/name']
    config.mounts.push({ destination: '/data', type: 'bind', source: `${directory}/source`, options: ['bind'] })
  })
  const name = (root: string, text: string): void => writeFileSync(join(root, 'etc/name'), `${text}\n`)
  name(rootfs, 'root 1')
  name(join(directory, 'source'), 'source 1')
  const prepared = await runtime.prepare({ bundle })
  t.equal((await prepared.run()).stdout, 'root 1\nsource 1\n')

  configure(config => {
    config.process.args = ['/bin/echo', 'another program']
  })
  for (const path of [rootfs, join(directory, 'source')]) {
    renameSync(path, `${path}-before`)
    makeRootfs(path)
  }
  name(rootfs, 'root 2')
  name(join(directory, 'source'), 'source 2')
  t.equal((await prepared.run()).stdout, 'root 2\nsource 2\n')
  renameSync(rootfs, `${rootfs}-gone`)
  await t.rejects(prepared.run(), { code: 'ERR_CONFIG_INVALID' })
  t.strictSame(await runtime.list(), [])
})

t.test('of one cgroup there is one container at a time, unless each names its own', skip, async t => {
  const { runtime, bundle, id, configure } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'cat /proc/self/cgroup']
  })
  const prepared = await runtime.prepare({ bundle })
  await using _taken = await prepared.create(id('first'))
  await t.rejects(prepared.create(id('second')), { code: 'ERR_STATE_EXISTS' })
  const cgroupsPath = `/${id('own')}/inner`
  const { stdout } = await prepared.run({ id: id('third'), cgroupsPath })
  t.match(stdout, cgroupsPath)
  await t.rejects(prepared.run({ cgroupsPath: '/a/../b' }), refused(/^cgroupsPath: must be a path without "\.\."/))
})

t.test('what is wrong is told by whom it is wrong with', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  const prepared = await runtime.prepare({ bundle })
  await t.rejects(prepared.run({ args: ['/bin/true'] } as never), refused(/^args: is no option of prepared.run/))
  await t.rejects(prepared.create('a/b'), { code: 'ERR_CONFIG_INVALID' })
  await t.rejects(runtime.prepare({ bundle, stdio: 'pipe' } as never), refused(/^stdio: is no option of prepare/))
  const controller = new AbortController()
  controller.abort(new Error('enough'))
  await t.rejects(prepared.run({ signal: controller.signal }), { message: 'enough' })
  configure(config => {
    config.process.cwd = 'relative'
  })
  await t.rejects(runtime.prepare({ bundle }), refused(/\/process\/cwd/))
  t.strictSame(await runtime.list(), [])
})
