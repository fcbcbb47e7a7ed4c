import t from 'tap'
import { NAMESPACE_FLAGS } from '../../lib/config/namespaces.js'
import type { NamespaceType, OciConfig } from '../../lib/config/oci-config.js'
import { CLONE } from '../../lib/plan/flags.js'
import { argsOf, compileCase, documentOf, namesOf, readFacts } from './cases.js'

type Given = NamespaceType | { type: NamespaceType; path: string }

function withNamespaces(...given: Given[]): OciConfig {
  const document = documentOf('minimal')
  const namespaces = given.map(each => (typeof each === 'string' ? { type: each } : each))
  const mappings = [{ containerID: 0, hostID: 1000, size: 1 }]
  const mapped = given.includes('user') ? { uidMappings: mappings, gidMappings: mappings } : {}
  return { ...document, linux: { namespaces, ...mapped } }
}

const spawnOf = (...given: Given[]) => {
  const { plan } = compileCase('minimal', { document: withNamespaces(...given) })
  const names = namesOf(plan)
  return { plan, names: names.slice(0, names.indexOf('setsid')) }
}

t.test('what the first clone can make, it makes', async t => {
  const { plan, names } = spawnOf('mount', 'pid', 'ipc', 'uts', 'network')
  t.equal(plan.cloneFlags, CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWUTS | CLONE.NEWNET)
  t.same(names, ['not_dumpable'])
})

t.test('a cgroup namespace is made by the helper, in the cgroup that it shows', async t => {
  const { plan } = compileCase('cgroup-mount-hybrid')
  t.notOk(plan.cloneFlags & CLONE.NEWCGROUP)
  const names = namesOf(plan)
  t.ok(names.lastIndexOf('cgroup_join') < names.indexOf('unshare'))
})

t.test(
  'a time namespace is unshared, gets its offsets, and is entered by a child together with the pid namespace',
  async t => {
    const { plan, names } = spawnOf('mount', 'pid', 'time')
    t.equal(plan.cloneFlags, CLONE.NEWNS)
    t.same(argsOf(plan, 'unshare'), [{ flags: CLONE.NEWTIME | CLONE.NEWPID }])
    t.same(names, ['not_dumpable', 'unshare', 'clone'])
    const { plan: offset } = compileCase('time-namespace')
    t.ok(namesOf(offset).indexOf('map') < namesOf(offset).indexOf('clone'))
  },
)

t.test('joining a time namespace needs no child: setns enters it at once', async t => {
  const { names } = spawnOf('mount', { type: 'time', path: '/proc/7/ns/time' })
  t.same(names, ['not_dumpable', 'setns'])
})

t.test('joining a pid namespace needs a child', async t => {
  const { plan, names } = spawnOf('mount', { type: 'pid', path: '/proc/7/ns/pid' })
  t.same(names, ['not_dumpable', 'setns', 'clone'])
  t.same(plan.slots[0], {
    kind: 'namespace',
    path: '/proc/7/ns/pid',
    type: NAMESPACE_FLAGS.pid,
    origin: '/linux/namespaces/1/path',
  })
})

t.test(
  'a process stays dumpable until its mappings are written, for a runtime without privileges to write them',
  async t => {
    const { plan, names } = spawnOf('user', 'mount', 'pid')
    t.equal(plan.cloneFlags, CLONE.NEWUSER | CLONE.NEWNS | CLONE.NEWPID)
    t.same(names, ['map', 'become_root', 'not_dumpable'])
  },
)

t.test('with a new user namespace the others are joined before it, and made after it', async t => {
  const { plan, names } = spawnOf('user', 'mount', 'pid', { type: 'network', path: '/n' })
  t.equal(plan.cloneFlags, 0)
  t.same(names, ['not_dumpable', 'setns', 'unshare', 'map', 'become_root', 'clone'])
  t.same(argsOf(plan, 'unshare'), [{ flags: CLONE.NEWUSER | CLONE.NEWNS | CLONE.NEWPID }])
})

t.test('a joined user namespace owns what is new', async t => {
  const { plan, names } = spawnOf({ type: 'user', path: '/u' }, 'mount', 'pid')
  t.equal(plan.cloneFlags, 0)
  t.same(names, ['not_dumpable', 'setns', 'unshare', 'become_root', 'clone'])
})

t.test('a privileged runtime joins the user namespace last, an unprivileged one first', async t => {
  const document = withNamespaces({ type: 'user', path: '/u' }, { type: 'network', path: '/n' }, 'mount')
  const order = (permitted: bigint) =>
    argsOf(compileCase('minimal', { document, facts: { permitted } }).plan, 'setns').map(({ type }) => type)
  t.same(order(1n << 21n), [CLONE.NEWNET, CLONE.NEWUSER])
  t.same(order(0n), [CLONE.NEWUSER, CLONE.NEWNET])
})

t.test('a namespace that the kernel does not have is an error that names it', async t => {
  const namespaces = readFacts('minimal').namespaces.filter(name => name !== 'time')
  const document = withNamespaces('mount', 'time')
  t.throws(() => compileCase('minimal', { document, facts: { namespaces } }), {
    code: 'ERR_HOST_KERNEL',
    needs: 'a kernel with time namespaces (/linux/namespaces/1)',
  })
})

t.test('the cgroup of every v1 hierarchy is joined, and none of v2', async t => {
  t.equal(argsOf(compileCase('minimal', { facts: readFacts('docker-v1') }).plan, 'cgroup_join').length, 10)
  t.equal(argsOf(compileCase('minimal', { facts: readFacts('cgroup-mount-hybrid') }).plan, 'cgroup_join').length, 10)
  t.equal(argsOf(compileCase('minimal', { facts: readFacts('docker-v2') }).plan, 'cgroup_join').length, 0)
})
