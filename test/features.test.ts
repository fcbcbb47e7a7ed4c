import t from 'tap'
import { describeFeatures } from '../lib/features.js'
import type { HostFacts } from '../lib/host/facts.js'
import { readFeatures } from '../lib/spec/features.js'
import { readConfig } from '../lib/spec/read-config.js'

const facts: HostFacts = {
  kernel: [6, 1],
  euid: 0,
  egid: 0,
  inUserNamespace: false,
  lastCapability: 40,
  permitted: 0n,
  bounding: 0n,
  namespaces: [],
  cgroup: { mode: 'none', hierarchies: [] },
  apparmor: false,
  selinux: false,
  filesystems: [],
}
const features = describeFeatures({ facts, libseccomp: '2.5.4', hasLibsystemd: true })

t.test('the document is valid', async t => {
  t.doesNotThrow(() => readFeatures(JSON.stringify(features)))
})

t.test('what callers look for is there', async t => {
  t.equal(features.ociVersionMin, '1.0.0')
  t.equal(features.ociVersionMax, '1.3.0')
  t.ok(features.mountOptions?.includes('rro'), 'recursive read-only mounts')
  t.equal(features.linux?.cgroup?.v1, true)
  t.equal(features.linux?.cgroup?.v2, true)
  t.equal(features.linux?.capabilities?.length, 41)
  t.equal(features.annotations?.['io.github.seccomp.libseccomp.version'], '2.5.4')
})

t.test('what systemd is needed for is told to be there with its library only', async t => {
  const { systemd, systemdUser } = features.linux?.cgroup ?? {}
  t.same([systemd, systemdUser], [true, true])
  const without = describeFeatures({ facts, libseccomp: null, hasLibsystemd: false }).linux?.cgroup
  t.same([without?.systemd, without?.systemdUser], [false, false])
  t.same(features.potentiallyUnsafeConfigAnnotations, ['org.systemd.property.'])
})

t.test('a kernel with fewer capabilities shows fewer', async t => {
  const older = describeFeatures({ facts: { ...facts, lastCapability: 37 }, libseccomp: null, hasLibsystemd: false })
  t.equal(older.linux?.capabilities?.at(-1), 'CAP_AUDIT_READ')
})

t.test('without libseccomp there is no seccomp', async t => {
  const without = describeFeatures({ facts, libseccomp: null, hasLibsystemd: false })
  t.same(without.linux?.seccomp, { enabled: false })
  t.same(without.annotations, {})
})

const config = {
  ociVersion: '1.3.0',
  root: { path: 'rootfs' },
  process: { cwd: '/', args: ['true'], user: { uid: 0, gid: 0 } },
  linux: { namespaces: [{ type: 'mount' }] },
}

t.test('every mount option that is listed is accepted as one of ours', async t => {
  for (const option of features.mountOptions ?? []) {
    const mounts = [{ destination: '/x', type: 'tmpfs', source: 'x', options: [option] }]
    const bound = [{ destination: '/x', type: 'bind', source: '/', options: ['bind', option] }]
    const ids = [{ containerID: 0, hostID: 1000, size: 1 }]
    const mapped = bound.map(mount => ({ ...mount, uidMappings: ids, gidMappings: ids }))
    const accepted = [mounts, bound, mapped].some(mounts => data(JSON.stringify({ ...config, mounts }))?.length === 0)
    t.ok(accepted, option)
  }
})

/** The options that were left to the file system; null where the configuration was refused. */
function data(text: string): readonly string[] | null {
  try {
    return readConfig(text).config.mounts.flatMap(({ data }) => data)
  } catch {
    return null
  }
}

t.test('every seccomp action and flag that is listed is accepted', async t => {
  const withFilter = (action: string, flags: readonly string[]) => {
    const syscalls = [{ names: ['mount'], action }]
    const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/run/agent.sock', flags, syscalls }
    return JSON.stringify({ ...config, linux: { ...config.linux, seccomp } })
  }
  const { actions = [], supportedFlags = [] } = features.linux?.seccomp ?? {}
  t.ok(actions.length > 5 && supportedFlags.length > 2)
  for (const action of actions) t.doesNotThrow(() => readConfig(withFilter(action, supportedFlags)), action)
  t.ok(actions.includes('SCMP_ACT_NOTIFY'))
})

t.test('every memory policy that is listed is accepted, with one of the flags or another', async t => {
  const { modes = [], flags = [] } = features.linux?.memoryPolicy ?? {}
  const accepts = (memoryPolicy: object): boolean => {
    try {
      readConfig(JSON.stringify({ ...config, linux: { ...config.linux, memoryPolicy } }))
      return true
    } catch {
      return false
    }
  }
  t.equal(modes.length, 7)
  for (const mode of modes) t.ok(accepts({ mode }) || accepts({ mode, nodes: '0' }), mode)
  for (const flag of flags)
    t.ok(
      modes.some(mode => accepts({ mode, nodes: '0', flags: [flag] })),
      flag,
    )
})
