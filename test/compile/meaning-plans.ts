/** The plans whose fields meaning.test.ts looks at, each of a configuration of its own. */
import { compile, compileExec, compileHook, compileSockets } from '../../lib/compile/index.js'
import { HOST_ROOT } from '../../lib/config/host-root.js'
import { readLandlock } from '../../lib/config/landlock-option.js'
import type { OciConfig } from '../../lib/config/oci-config.js'
import { MOUNT_ATTR } from '../../lib/plan/flags.js'
import type { LayeredTree, Plan } from '../../lib/plan/plan.js'
import { compileCase, documentOf, readCase } from './cases.js'

export const [RDONLY, NOSUID, NODEV, NOEXEC, NOSYMFOLLOW] = (
  ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'NOSYMFOLLOW'] as const
).map(name => BigInt(MOUNT_ATTR[name])) as [bigint, bigint, bigint, bigint, bigint]
export const [CHOWN, KILL, NET_RAW] = [1n << 0n, 1n << 5n, 1n << 13n]

/** Everything that one configuration can have. */
const WHOLE: OciConfig = {
  ...documentOf('minimal'),
  root: { path: 'rootfs', readonly: true },
  hostname: 'box',
  domainname: 'example.org',
  process: {
    cwd: '/work',
    args: ['prog', 'word'],
    env: ['PATH=/bin:/sbin', 'A=1'],
    terminal: true,
    consoleSize: { height: 24, width: 80 },
    user: { uid: 7, gid: 8, umask: 0o27, additionalGids: [9, 10] },
    noNewPrivileges: true,
    capabilities: {
      bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'],
      permitted: ['CAP_CHOWN', 'CAP_KILL'],
      effective: ['CAP_CHOWN'],
      inheritable: ['CAP_KILL', 'CAP_NET_RAW'],
      ambient: ['CAP_KILL'],
    },
  },
  mounts: [
    { destination: '/bound', source: '/srv', options: ['rbind', 'ro', 'exec', 'rnosuid', 'rdev', 'rslave'] },
    {
      destination: '/fresh',
      type: 'tmpfs',
      source: 'name',
      options: ['size=1m', 'noexec', 'rnodev', 'rsuid', 'shared'],
    },
    {
      destination: '/fresh',
      type: 'tmpfs',
      options: ['remount', 'ro', 'exec', 'size=2m', 'rnosuid', 'rdev', 'private'],
    },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts' },
    { destination: '/again', source: 'rootfs/fresh', options: ['bind', 'nosuid', 'dev', 'rnoexec', 'rrw', 'private'] },
  ],
  linux: {
    namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'uts' }, { type: 'network' }, { type: 'cgroup' }],
    rootfsPropagation: 'shared',
    devices: [{ path: '/dev/disk', type: 'b', major: 8, minor: 3, fileMode: 0o640, uid: 5, gid: 6 }],
    maskedPaths: ['/masked'],
    readonlyPaths: ['/fixed'],
    sysctl: { 'net.ipv4.ip_forward': '1' },
    personality: { domain: 'LINUX32' },
    memoryPolicy: { mode: 'MPOL_INTERLEAVE', nodes: '0-1,3' },
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_LOG'] },
  },
}

export const whole = compileCase('minimal', { document: WHOLE, options: { lineFeedsOnly: true } }).plan

/** Without a user namespace of the caller's own there is nothing to be checked: what a rootless runtime binds is. */
export const checked = compileCase('rootless', {
  document: {
    ...documentOf('rootless'),
    mounts: [{ destination: '/bound', source: '/srv', options: ['rbind', 'ro', 'exec', 'rnosuid', 'rdev', 'rslave'] }],
  },
}).plan
/** A source in the root whose ids are mapped, and something mounted below it. */
const mapped = (source: string, options: readonly string[], below: OciConfig['mounts'] = []): Plan => {
  const ids = [{ containerID: 0, hostID: 1000, size: 10 }]
  const mounts = [
    { destination: '/fresh', source: '/srv', options: ['rbind'] },
    ...below,
    { destination: '/bound', source, options, uidMappings: ids, gidMappings: ids },
  ]
  return compileCase('minimal', { document: { ...documentOf('minimal'), mounts } }).plan
}
export const mappedInside = mapped('rootfs/fresh/a', ['rbind', 'ro', 'exec', 'rnosuid', 'rdev', 'rslave'])
export const mappedAbove = mapped(
  'rootfs/fresh',
  ['rbind'],
  [{ destination: '/fresh/b', source: '/opt', options: ['bind'] }],
)
export const inherited = compileCase('minimal', {
  document: {
    ...documentOf('minimal'),
    mounts: [{ destination: '/bound', source: '/srv', options: ['bind'] }],
    linux: { namespaces: [{ type: 'pid' }] },
  },
}).plan
export const limited = compileCase('minimal', { facts: { openFiles: 77 } }).plan
export const labelled = compileCase('mount-options-selinux').plan
export const otherId = compileCase('rootless-other-id').plan
/** A directory to begin in is only made in a root that can be written to. */
const writable = (name: string, document: OciConfig): Plan =>
  compileCase(name, { document: { ...document, root: { path: 'rootfs', readonly: false } } }).plan
export const writableWhole = writable('minimal', WHOLE)
export const writableOtherId = writable('rootless-other-id', documentOf('rootless-other-id'))
export const docker = compileCase('docker-v1').plan
export const noMounts = compileCase('no-mount-namespace').plan
export const guarded = compileCase('minimal', { options: { hasLifeline: true, reaps: true } }).plan

/** The plan of the first createContainer hook of the case `hooks`. */
function hookPlan(): Plan {
  const input = readCase('hooks')
  const [hook] = input.config.hooks.createContainer
  if (hook === undefined) throw new Error('the case has no createContainer hook')
  return compileHook({ ...input, kind: 'createContainer', hook })
}
export const joining = hookPlan()
export const connected = compileSockets({ config: readCase('minimal').config, kinds: ['udp4', 'route'] })

/** Roots of layers that a helper without privileges makes. */
const layered = (upper: LayeredTree['upper'], kernel: readonly [number, number]): Plan =>
  compileCase('rootless', {
    options: { layered: { layers: ['/layers/base', '/layers/top'], upper } },
    facts: { kernel },
  }).plan
export const layeredInDirectory = layered({ directory: '/upper' }, [6, 1])
export const layeredInMemory = layered({ memory: 4096 }, [6, 7])

/** On a kernel that knows all of Landlock: a container with that option, and a process in the root of the host. */
function restrictedPlans(): readonly [container: Plan, hosted: Plan] {
  const { config, facts, options } = readCase('minimal')
  const fs = [{ path: '/work', access: ['read'] as const }]
  const landlock = readLandlock({ fs, net: { connect: [443] }, scope: ['signal', 'abstract-unix'] })
  if (config.process === null) throw new Error('the case has no process')
  const process = { ...config.process, noNewPrivileges: true }
  const input = {
    config: { ...config, process, linux: { ...config.linux, landlock } },
    facts: { ...facts, landlock: 6 },
    options,
  }
  const host = { ...input, config: { ...input.config, root: { ...config.root, path: HOST_ROOT } } }
  return [compile(input).plan, compileExec({ ...host, process, keepsTree: false, waits: false }).plan]
}
export const [restricted, hosted] = restrictedPlans()
