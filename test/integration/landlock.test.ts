/** The option landlock, tried from inside. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { LandlockOptions } from '../../lib/index.js'
import { landlockVersion } from '../../lib/sys/landlock.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'cc', 'landlock') }

const FILES: LandlockOptions['fs'] = [
  { path: '/bin', access: ['read', 'execute'] },
  { path: '/etc', access: 'read' },
  { path: '/data', access: ['read', 'write'] },
  { path: '/dev/null', access: ['read', 'write'] },
  { path: '/dev/zero', access: ['read', 'ioctl'] },
]

/** A bundle whose root can be written to, with the program that tries. */
function makePlace(t: Test) {
  const box = makeBundle(t)
  compileProgram(readFileSync('test/integration/restricted.c', 'utf8'), join(box.rootfs, 'bin/restricted'))
  compileProgram('int main(void) { return 0; }', join(box.rootfs, 'root/program'))
  for (const name of ['data/sub', 'data/other']) mkdirSync(join(box.rootfs, name))
  for (const name of ['data/file', 'data/second', 'root/secret']) writeFileSync(join(box.rootfs, name), 'text')
  const configure = (args: readonly string[], change: (config: TestConfig) => void = () => {}): void =>
    box.configure(config => {
      if (config.root !== undefined) config.root.readonly = false
      config.process.args = ['/bin/restricted', ...args]
      change(config)
    })
  return { ...box, configure }
}

const lines = (text: string): readonly string[] => text.trim().split('\n')

t.test('files: what is not allowed is refused, for root too', skip, async t => {
  const { runtime, bundle, configure } = makePlace(t)
  const attempts = [
    ...[
      'open',
      '/etc/passwd',
      'write',
      '/etc/passwd',
      'cut',
      '/etc/passwd',
      'make',
      '/etc/new',
      'remove',
      '/etc/passwd',
    ],
    ...['open', '/root/secret', 'open', '/', 'make', '/new', 'execute', '/bin/true', 'execute', '/root/program'],
    ...['make', '/data/new', 'write', '/data/file', 'cut', '/data/file', 'remove', '/data/new'],
    ...['move', '/data/file', '/data/sub/file', 'move', '/data/second', '/root/second', 'execute', '/data/second'],
    ...['write', '/dev/null', 'ioctl', '/dev/null', 'ioctl', '/dev/zero', 'open', '/dev/full'],
  ]
  configure(attempts)
  const { stdout, stderr, exitCode } = await runtime.run({ bundle, landlock: { fs: FILES ?? [] } })
  t.same({ stderr, exitCode }, { stderr: '', exitCode: 0 })
  t.same(lines(stdout), [
    ...['open /etc/passwd: done', 'write /etc/passwd: EACCES', 'cut /etc/passwd: EACCES', 'make /etc/new: EACCES'],
    ...['remove /etc/passwd: EACCES', 'open /root/secret: EACCES', 'open /: EACCES', 'make /new: EACCES'],
    ...['execute /bin/true: done', 'execute /root/program: EACCES', 'make /data/new: done', 'write /data/file: done'],
    ...['cut /data/file: done', 'remove /data/new: done', 'move /data/file: done', 'move /data/second: EACCES'],
    ...['execute /data/second: EACCES', 'write /dev/null: done', 'ioctl /dev/null: EACCES', 'ioctl /dev/zero: ENOTTY'],
    'open /dev/full: EACCES',
  ])
  const free = await runtime.run({ bundle })
  t.match(free.stdout, /open \/root\/secret: done/, 'without the option it is not')
})

t.test('ports, signals and abstract sockets; what is executed in it is restricted as its program is', skip, async t => {
  const { runtime, bundle, configure, id } = makePlace(t)
  configure(['listen', 'name'])
  const landlock: LandlockOptions = { net: { connect: [80], bind: [8080] }, scope: ['signal', 'abstract-unix'] }
  const container = await runtime.create({ id: id(), bundle, landlock })
  await container.start()
  for await (const chunk of container.stdout ?? []) {
    t.equal(String(chunk), 'listening\n')
    break
  }
  const tcp = ['connect', '80', 'connect', '81', 'bind', '8080', 'bind', '8081', 'bind', '0']
  const args = ['/bin/restricted', ...tcp, 'signal', '1', 'abstract', 'name', 'open', '/root/secret']
  const { stdout } = await container.run({ args })
  t.same(lines(stdout), [
    ...['connect 80: ECONNREFUSED', 'connect 81: EACCES', 'bind 8080: done', 'bind 8081: EACCES', 'bind 0: EACCES'],
    ...['signal 1: EPERM', 'abstract name: EPERM', 'open /root/secret: done'],
  ])
  const again = await (await runtime.get(container.id)).run({ args: ['/bin/restricted', 'connect', '81'] })
  t.match(again.stdout, 'connect 81: EACCES', 'also by a handle that has not made it')
  await t.rejects(container.run({ args: ['/bin/true'], noNewPrivileges: false }), {
    code: 'ERR_CONFIG_INVALID',
    message: /noNewPrivileges.*landlock/,
  })
})

t.test('a prepared configuration, and hooks of the container', skip, async t => {
  const { runtime, bundle, configure, rootfs } = makePlace(t)
  writeFileSync(join(rootfs, 'data/hook'), '')
  const hook = ['/bin/sh', '-c', 'cat /root/secret > /data/hook; echo $? >> /data/hook']
  configure(['open', '/root/secret'], config => {
    config.hooks = { startContainer: [{ path: '/bin/sh', args: hook }] }
    delete config.linux.cgroupsPath
  })
  const prepared = await runtime.prepare({ bundle, landlock: { fs: FILES ?? [] } })
  t.equal((await prepared.run()).stdout, 'open /root/secret: EACCES\n')
  t.equal((await prepared.run()).stdout, 'open /root/secret: EACCES\n')
  t.equal(readFileSync(join(rootfs, 'data/hook'), 'utf8'), '1\n')
})

t.test('what can not be is an error, and nothing is left', skip, async t => {
  const { runtime, bundle, configure, rootfs, id } = makePlace(t)
  symlinkSync('data', join(rootfs, 'link'))
  configure(['open', '/etc/passwd'])
  const run = (landlock: unknown) => runtime.run({ bundle, landlock: landlock as LandlockOptions, id: id() })
  const at = (path: string, access: unknown = 'read') => run({ fs: [{ path, access }] })
  await t.rejects(at('/link'), { code: 'ERR_LAUNCH_OP', errno: 'ELOOP', message: /"\/link".*a link leads there/ })
  await t.rejects(at('/nowhere'), { code: 'ERR_LAUNCH_OP', errno: 'ENOENT', message: /"\/nowhere"/ })
  await t.rejects(at('/etc/passwd', 'device'), { code: 'ERR_LAUNCH_OP', errno: 'ENOMSG', message: /it is a file/ })
  await t.rejects(at('/etc'), { code: 'ERR_LAUNCH_EXEC', errno: 'EACCES' }, 'the program may not be executed')
  const wrong = (landlock: unknown, message: RegExp) =>
    t.rejects(run(landlock), { code: 'ERR_CONFIG_INVALID', message })
  await wrong({}, /landlock: must be an object with fs, net or scope/)
  await wrong({ fs: [], nope: 1 }, /landlock\.nope: must be one of fs, net/)
  await wrong({ fs: [{ path: 'etc', access: 'read' }] }, /landlock\.fs\[0\]\.path/)
  await wrong({ fs: [{ path: '/etc', access: 'all' }] }, /landlock\.fs\[0\]\.access/)
  await wrong({ fs: [{ path: '/etc', access: [] }] }, /landlock\.fs\[0\]\.access/)
  await wrong({ net: { connect: [65536] } }, /landlock\.net\.connect/)
  await wrong({ scope: ['all'] }, /landlock\.scope/)
  await wrong({ fs: [], minimumAbi: -1 }, /landlock\.minimumAbi/)
  await t.rejects(
    run({ fs: [], minimumAbi: landlockVersion() + 1 }),
    { code: 'ERR_LAUNCH_EXEC' },
    'it asks for no more',
  )
  t.same(await runtime.list(), [])
  t.same(
    readdirSync(runtime.root).filter(name => !name.startsWith('.')),
    [],
  )
})

t.test('a checkpoint would lose it', { skip: missing('root', 'busybox', 'landlock') }, async t => {
  const { runtime, bundle, configure, id, directory } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sleep', '1000']
  })
  const container = await runtime.create({ id: id(), bundle, landlock: { net: {} } })
  await container.start()
  await t.rejects(container.checkpoint({ imagePath: join(directory, 'image') }), {
    code: 'ERR_CONFIG_UNSUPPORTED',
    message: /landlock/,
  })
})
