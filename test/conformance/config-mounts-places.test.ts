/** Where a mount goes, and where it comes from: what is there already, in the image or by an earlier mount. */
import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError } from './attempt.js'
import { type MountInput, mounting, tmpfs } from './mounting.js'

const skip = { skip: missing('root', 'busybox') }

t.test('config.md#mounts: a tmpfs without a mode has that of the directory which it covers', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  mkdirSync(`${rootfs}/covered`)
  chmodSync(`${rootfs}/covered`, 0o2710)
  mkdirSync(`${rootfs}/told`)
  chmodSync(`${rootfs}/told`, 0o710)
  symlinkSync('/covered', `${rootfs}/link`)
  const look = 'stat -c %a /covered /told /made; grep " /covered " /proc/mounts'
  const mounts = mounting(tmpfs('/link'), tmpfs('/told', 'mode=1500'), tmpfs('/made'))
  const { stdout } = await sh(look, mounts)
  t.match(stdout, /^2710\n1500\n1777\ntmpfs \/covered tmpfs [^ ]*mode=2710/)
  t.equal(lstatSync(`${rootfs}/told`).mode & 0o7777, 0o710, 'the directory itself keeps its own')
})

t.test('config.md#mounts: /dev may be read-only, also with a terminal', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', 'grep " /dev " /proc/mounts; echo seen > /dev/console; touch /dev/new']
    config.mounts.find(({ destination }) => destination === '/dev')?.options?.push('ro')
  })
  const container = await runtime.create({ id: id(), bundle })
  let output = ''
  container.terminal?.on('data', chunk => (output += chunk))
  const ended = new Promise(resolve => container.terminal?.once('close', resolve))
  await container.start()
  await container.wait()
  await ended
  t.match(output, /^tmpfs \/dev tmpfs ro,[\s\S]*seen\r\n[\s\S]*Read-only file system/)
})

t.test('config.md#mounts: a link at the place of /proc is told by what must be there', skip, async t => {
  const { runtime, bundle, rootfs, id } = makeBundle(t)
  rmSync(`${rootfs}/proc`, { recursive: true })
  symlinkSync('/tmp', `${rootfs}/proc`)
  const message = /^\/mounts\/0: must be mounted on ordinary directory, .*: \/proc$/
  await t.rejects(runtime.create({ id: id(), bundle }), { code: 'ERR_SAFETY_PATH', message })
})

t.test('config.md#mounts: a source in the root itself has what is mounted there by then', skip, async t => {
  const { sh, rootfs, directory } = makeBundle(t)
  mkdirSync(`${rootfs}/data/sub`)
  writeFileSync(`${directory}/seen`, '')
  const again = (destination: string, source: string, option = 'rbind'): MountInput => ({
    destination,
    source,
    options: [option],
  })
  const mounts = mounting(
    again('/early', `${rootfs}/data`),
    tmpfs('/data/sub'),
    again('/data/sub/file', `${directory}/seen`),
    again('/again', `${rootfs}/data`),
    again('/shallow', `${rootfs}/data`, 'bind'),
    again('/deep', `${rootfs}/data/sub`),
  )
  const { stdout } = await sh('cd /; ls -d */sub/* deep/*', mounts)
  t.equal(stdout, 'again/sub/file\ndata/sub/file\ndeep/file\n')
})

t.test('config.md#mounts: in the root no link leads to a source, and none is a procfs', skip, async t => {
  const bundle = makeBundle(t)
  const { rootfs, directory } = bundle
  mkdirSync(`${directory}/volume`)
  symlinkSync('/tmp', `${directory}/volume/link`)
  const attempt = (source: string) => {
    const volume = { destination: '/data', source: `${directory}/volume`, options: ['bind'] }
    return createError(bundle, mounting(volume, { destination: '/again', source, options: ['rbind'] }))
  }
  t.match(await attempt(`${rootfs}/proc`), { code: 'ERR_SAFETY_PROCFS', configPath: '/mounts/5' })
  t.match(await attempt(`${rootfs}/data/link`), { code: 'ERR_SAFETY_PATH', configPath: '/mounts/5' })
  t.match(await attempt(`${rootfs}/tmp/none`), { code: 'ERR_LAUNCH_OP', syscall: 'openat2', errno: 'ENOENT' })
})
