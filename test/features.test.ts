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
const features = describeFeatures({ facts, libseccomp: '2.5.4' })

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

t.test('a kernel with fewer capabilities shows fewer', async t => {
  const older = describeFeatures({ facts: { ...facts, lastCapability: 37 }, libseccomp: null })
  t.equal(older.linux?.capabilities?.at(-1), 'CAP_AUDIT_READ')
})

t.test('without libseccomp there is no seccomp', async t => {
  const without = describeFeatures({ facts, libseccomp: null })
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

t.test('every seccomp action that is listed is accepted, and NOTIFY is neither', async t => {
  const withAction = (defaultAction: string) =>
    JSON.stringify({ ...config, linux: { ...config.linux, seccomp: { defaultAction } } })
  const actions = features.linux?.seccomp?.actions ?? []
  t.ok(actions.length > 5)
  for (const action of actions) t.doesNotThrow(() => readConfig(withAction(action)), action)
  t.notOk(actions.includes('SCMP_ACT_NOTIFY'))
  t.throws(() => readConfig(withAction('SCMP_ACT_NOTIFY')), { code: 'ERR_CONFIG_UNSUPPORTED' })
})
