import t from 'tap'
import type { OciProcess } from '../../lib/config/oci-config.js'
import { argsOf, compileCase, documentOf, namesOf } from './cases.js'

const withProcess = (process: Partial<OciProcess>, more: Parameters<typeof compileCase>[1] = {}) => {
  const document = documentOf('minimal')
  const base = { cwd: '/', args: ['/bin/true'] }
  return compileCase('minimal', { ...more, document: { ...document, process: { ...base, ...process } } })
}

t.test('without capabilities in the configuration there are none', async t => {
  const { plan } = withProcess({})
  t.same(argsOf(plan, 'bounding_set'), [{ keep: 0n }])
  t.same(argsOf(plan, 'capabilities'), [{ effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n }])
})

t.test('what the runtime does not have is left out with a warning', async t => {
  const names = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN']
  const capabilities = { bounding: names, permitted: names, effective: names }
  const { plan, warnings } = withProcess({ capabilities }, { facts: { permitted: 0x20_0021n, bounding: 0x20n } })
  t.same(argsOf(plan, 'bounding_set'), [{ keep: 0x20n }])
  t.same(argsOf(plan, 'capabilities'), [{ effective: 0x20n, permitted: 0x20n, inheritable: 0n, ambient: 0n }])
  t.same(warnings, [
    '/process/capabilities/bounding: left out, not available: CAP_CHOWN, CAP_SYS_ADMIN',
    '/process/capabilities/permitted: left out, not available: CAP_CHOWN, CAP_SYS_ADMIN',
    '/process/capabilities/effective: left out, not permitted: CAP_CHOWN, CAP_SYS_ADMIN',
  ])
})

t.test('a capability that is newer than the kernel is left out with a warning', async t => {
  const bounding = ['CAP_CHECKPOINT_RESTORE', 'CAP_CHOWN']
  const { plan, warnings } = withProcess({ capabilities: { bounding } }, { facts: { lastCapability: 39 } })
  t.same(argsOf(plan, 'bounding_set'), [{ keep: 1n }])
  t.equal(warnings.length, 1)
})

t.test('in a user namespace all capabilities can be given', async t => {
  const document = documentOf('user-namespace')
  const { plan } = compileCase('user-namespace', { document, facts: { permitted: 0n, bounding: 0n, euid: 1000 } })
  t.same(argsOf(plan, 'bounding_set'), [{ keep: 0x200001n }])
})

t.test('inheritable and ambient capabilities are never added to', async t => {
  const capabilities = { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], inheritable: ['CAP_CHOWN'] }
  const { plan } = withProcess({ capabilities })
  t.match(argsOf(plan, 'capabilities'), [{ inheritable: 0n, ambient: 0n }])
  const all = { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], inheritable: ['CAP_KILL'], ambient: ['CAP_KILL'] }
  t.match(argsOf(withProcess({ capabilities: all }).plan, 'capabilities'), [{ inheritable: 0x20n, ambient: 0x20n }])
})

t.test('the umask is only set if it is given', async t => {
  t.same(argsOf(withProcess({ user: { uid: 0, gid: 0 } }).plan, 'umask'), [])
  t.same(argsOf(withProcess({ user: { uid: 0, gid: 0, umask: 0o77 } }).plan, 'umask'), [{ mask: 0o77 }])
})

t.test('a session keyring is made unless the caller wants to keep the old one', async t => {
  t.same(argsOf(withProcess({}).plan, 'keyring'), [{ name: '_ses.c1' }])
  t.same(argsOf(withProcess({}, { options: { noNewKeyring: true } }).plan, 'keyring'), [])
})

t.test('root is left behind in a safe order', async t => {
  const names = namesOf(withProcess({ user: { uid: 5, gid: 6, additionalGids: [7] }, noNewPrivileges: true }).plan)
  const steps = ['bounding_set', 'groups', 'gid', 'uid', 'capabilities', 'no_new_privs', 'resolve_exec'] as const
  const places = steps.map(step => names.indexOf(step))
  t.same(
    places,
    places.toSorted((a, b) => a - b),
  )
  t.ok(names.lastIndexOf('chdir') > names.indexOf('uid'))
})

t.test('a filter comes before the user changes, or with no_new_privs right before execve', async t => {
  const document = documentOf('docker-v2')
  const place = (noNewPrivileges: boolean) => {
    const process = { cwd: '/', args: ['/bin/true'], noNewPrivileges }
    const names = namesOf(compileCase('docker-v2', { document: { ...document, process } }).plan)
    return names[names.indexOf('seccomp') + 1]
  }
  t.equal(place(false), 'uid')
  t.equal(place(true), 'execve')
})

t.test('labels are written while a procfs of our own can be had', async t => {
  const process = { selinuxLabel: 'u:r:t:s0', apparmorProfile: 'profile' }
  const { plan } = withProcess(process, { facts: { selinux: true, apparmor: true } })
  t.same(argsOf(plan, 'lsm_label'), [
    { file: 'keycreate', label: 'u:r:t:s0' },
    { file: 'exec', label: 'u:r:t:s0' },
    { file: 'apparmor/exec', label: 'exec profile' },
  ])
  t.ok(namesOf(plan).lastIndexOf('lsm_label') < namesOf(plan).indexOf('bounding_set'))
})

t.test('a label that the kernel has no module for is an error that names the field', async t => {
  const refused = (process: Partial<OciProcess>) => () => withProcess(process)
  t.throws(refused({ apparmorProfile: 'p' }), { code: 'ERR_HOST_KERNEL', needs: 'AppArmor (/process/apparmorProfile)' })
  t.throws(refused({ selinuxLabel: 'u:r:t:s0' }), { code: 'ERR_HOST_KERNEL', needs: 'SELinux (/process/selinuxLabel)' })
  const document = documentOf('minimal')
  const linux = { ...document.linux, mountLabel: 'u:r:t:s0' }
  t.throws(() => compileCase('minimal', { document: { ...document, linux } }), {
    code: 'ERR_HOST_KERNEL',
    needs: 'SELinux (/linux/mountLabel)',
  })
})

t.test('a kernel below the floor is refused', async t => {
  t.throws(() => compileCase('minimal', { facts: { kernel: [5, 11] } }), {
    code: 'ERR_HOST_KERNEL',
    found: 'Linux 5.11',
  })
  t.doesNotThrow(() => compileCase('minimal', { facts: { kernel: [5, 12] } }))
})
