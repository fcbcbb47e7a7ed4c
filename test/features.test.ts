import t from 'tap'
import { readConfig } from '../lib/config/read.js'
import { describeFeatures } from '../lib/features.js'
import { readFeatures } from './config/features-document.js'

const features = describeFeatures({ kernel: [6, 1], libseccomp: '2.5.4' })

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

t.test('the document is the same on every host, but for what tells of the host', async t => {
  const { linux, annotations, ...rest } = describeFeatures({ kernel: [5, 12], libseccomp: null })
  t.same(annotations, { 'org.opencontainers.runc.checkpoint.enabled': 'true' })
  const { supportedFlags, ...seccomp } = linux?.seccomp ?? {}
  t.notOk(supportedFlags?.includes('SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'), 'a flag of Linux 5.19')
  const { supportedFlags: all, ...same } = features.linux?.seccomp ?? {}
  t.same(seccomp, same)
  t.same(all, features.linux?.seccomp?.knownFlags)
  const { linux: _linux, annotations: _annotations, ...others } = features
  t.same(rest, others)
  t.same({ ...linux, seccomp: null }, { ...features.linux, seccomp: null })
})

t.test('what is done is told to be done', async t => {
  const { cgroup, apparmor, selinux, intelRdt, netDevices, mountExtensions } = features.linux ?? {}
  t.same(cgroup, { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true })
  t.same([apparmor, selinux, netDevices], [{ enabled: true }, { enabled: true }, { enabled: true }])
  t.same(intelRdt, { enabled: true, schemata: true, monitoring: true })
  t.same(mountExtensions, { idmap: { enabled: true } })
  t.same(features.potentiallyUnsafeConfigAnnotations, ['org.criu.config', 'org.systemd.property.'])
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
