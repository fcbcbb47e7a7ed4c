import t from 'tap'
import type { OciDevice } from '../../lib/config/oci-config.js'
import { argsOf, compileCase, documentOf, namesOf } from './cases.js'

const withDevices = (name: string, ...devices: OciDevice[]) => {
  const document = documentOf(name)
  return compileCase(name, { document: { ...document, linux: { ...document.linux, devices } } }).plan
}

t.test('every container has the default devices and links', async t => {
  const { plan } = compileCase('minimal')
  t.same(
    argsOf(plan, 'mknod').map(({ path, major, minor, mode }) => [path, major, minor, mode.toString(8)]),
    [
      ['/dev/null', 1, 3, '20666'],
      ['/dev/zero', 1, 5, '20666'],
      ['/dev/full', 1, 7, '20666'],
      ['/dev/random', 1, 8, '20666'],
      ['/dev/urandom', 1, 9, '20666'],
      ['/dev/tty', 5, 0, '20666'],
    ],
  )
  t.same(
    argsOf(plan, 'symlink').map(({ path }) => path),
    ['/dev/fd', '/dev/stdin', '/dev/stdout', '/dev/stderr', '/dev/core', '/dev/ptmx'],
  )
})

t.test('a device of the configuration takes the place of a default one', async t => {
  const plan = withDevices('minimal', { type: 'c', path: '/dev/null', major: 1, minor: 3, fileMode: 0o600, uid: 5 })
  const nulls = argsOf(plan, 'mknod').filter(({ path }) => path === '/dev/null')
  t.match(nulls, [{ mode: 0o20600, uid: 5, gid: 0 }])
})

t.test('directories of devices are made, mounts are there already', async t => {
  const plan = withDevices('terminal', { type: 'b', path: '/dev/block/sda', major: 8, minor: 0 })
  t.same(
    argsOf(plan, 'mkdir').map(({ path }) => path),
    ['/dev/block'],
  )
})

t.test('in a user namespace the nodes of the host are attached, but a fifo is made', async t => {
  const fuse = { type: 'c', path: '/dev/fuse', major: 10, minor: 229 } as const
  const plan = withDevices('user-namespace', fuse, { type: 'p', path: '/run/pipe' })
  t.same(
    argsOf(plan, 'mknod').map(({ path }) => path),
    ['/run/pipe'],
  )
  const nodes = plan.slots.flatMap(slot => (slot.kind === 'device' ? [`${slot.path} ${slot.major}:${slot.minor}`] : []))
  t.ok(nodes.includes('/dev/fuse 10:229') && nodes.includes('/dev/null 1:3'))
})

t.test('a /dev that is bound from the host is left alone', async t => {
  const mounts = [{ destination: '/dev/', source: '/dev', options: ['rbind'] }]
  const names = namesOf(compileCase('minimal', { document: { ...documentOf('minimal'), mounts } }).plan)
  for (const name of ['mknod', 'symlink', 'reopen_null'] as const) t.notOk(names.includes(name), name)
})

t.test('without a mount namespace only the devices that are asked for are made', async t => {
  t.same(
    argsOf(compileCase('no-mount-namespace').plan, 'mknod').map(({ path }) => path),
    ['/dev/null'],
  )
})

t.test('if tsrun itself is in a user namespace, devices are those of the host', async t => {
  const { plan } = compileCase('minimal', { facts: { inUserNamespace: true } })
  t.same(
    argsOf(plan, 'mknod').map(({ path }) => path),
    [],
  )
  const devices = plan.slots.flatMap(slot => (slot.kind === 'device' ? [slot.path] : []))
  t.same(devices, ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty'])
})
