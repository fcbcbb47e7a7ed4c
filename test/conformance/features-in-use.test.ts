/** The features document is true: a container uses each entry of its lists. What an entry does is shown where it belongs. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import t, { type Test } from 'tap'
import { NAMESPACE_FILES } from '../../lib/config/namespaces.js'
import { createRuntime, type OciConfig } from '../../lib/index.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, parseMounts } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }
const withLibseccomp = { skip: missing('root', 'busybox', 'libseccomp') }

const { ociVersionMin, ociVersionMax, hooks = [], mountOptions = [], linux } = createRuntime().features()

type Mount = TestConfig['mounts'][number]

/** One mount for each option, at a place of its own below /tmp. */
function mountsWith(option: string, source: string): Mount[] {
  const destination = `/tmp/${option}`
  const fresh = { destination, type: 'tmpfs', source: 'tmpfs', options: [option] }
  if (option === 'bind' || option === 'rbind') return [{ destination, type: 'none', source, options: [option] }]
  if (option === 'remount') return [{ ...fresh, options: [] }, fresh]
  if (!option.endsWith('idmap')) return [fresh]
  const ids = [{ containerID: 0, hostID: 1000, size: 10 }]
  const bind = { destination, type: 'none', source, options: ['rbind', option] }
  return [{ ...bind, uidMappings: ids, gidMappings: ids }]
}

t.test('features.md#mount-options: a mount with each option is there', skip, async t => {
  t.ok(mountOptions.length > 60)
  const { sh, directory } = makeBundle(t)
  const { stdout, exitCode } = await sh('cat /proc/self/mountinfo', config => {
    config.mounts.push(...mountOptions.flatMap(option => mountsWith(option, directory)))
  })
  t.equal(exitCode, 0)
  const points = new Set(parseMounts(stdout).map(({ point }) => point))
  t.same(
    mountOptions.filter(option => !points.has(`/tmp/${option}`)),
    [],
  )
})

t.test('features.md#hooks: a hook of each kind is called', skip, async t => {
  t.equal(hooks.length, 6)
  const bundle = makeBundle(t)
  const { directory, configure, runtime, id } = bundle
  configure(config => {
    config.mounts.push({ destination: '/data', type: 'none', source: directory, options: ['bind'] })
    const kinds = hooks.map(kind => {
      // The path of the bundle is that of the runtime; a startContainer hook has the container's.
      const place = kind === 'startContainer' ? '/data' : directory
      return [kind, [{ path: '/bin/sh', args: ['sh', '-c', `: > ${place}/${kind}`], env: ['PATH=/bin'] }]]
    })
    config.hooks = Object.fromEntries(kinds) as NonNullable<TestConfig['hooks']>
  })
  await runtime.run({ bundle: bundle.bundle, id: id() })
  t.same(
    hooks.filter(kind => !existsSync(`${directory}/${kind}`)),
    [],
  )
})

t.test('features.md#specification-version: containers of the first and of the last version run', skip, async t => {
  for (const version of [ociVersionMin, ociVersionMax]) {
    const { sh, log } = makeBundle(t)
    t.match(await sh('echo works', config => (config.ociVersion = version)), { stdout: 'works\n' })
    t.same(log, [])
  }
})

t.test('features-linux.md#namespaces: a container has one of each', skip, async t => {
  const types = (linux?.namespaces ?? []) as (keyof typeof NAMESPACE_FILES)[]
  t.equal(types.length, 8)
  const { pid } = await createSleeper(makeBundle(t), config => {
    config.linux.namespaces = types.map(type => ({ type }))
    const all = [{ containerID: 0, hostID: 0, size: 65536 }]
    Object.assign(config.linux, { uidMappings: all, gidMappings: all })
  })
  const file = (of: number | 'self', type: keyof typeof NAMESPACE_FILES): string =>
    readlinkSync(`/proc/${of}/ns/${NAMESPACE_FILES[type]}`)
  t.same(
    types.filter(type => file(pid, type) === file('self', type)),
    [],
  )
})

t.test('features-linux.md#capabilities: each is granted, or warned about if the host has it not', skip, async t => {
  const names = [...(linux?.capabilities ?? [])]
  t.equal(names.length, 41)
  const { sh, log } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/status', config => {
    Object.assign(config.process, { noNewPrivileges: false, capabilities: { bounding: names, permitted: names } })
  })
  const bounding = BigInt(`0x${/^CapBnd:\t(.*)$/m.exec(stdout)?.[1]}`)
  const warned = log.map(({ message }) => message).join('\n')
  for (const [number, name] of names.entries()) {
    const isGranted = (bounding & (1n << BigInt(number))) !== 0n
    t.equal(isGranted, !warned.includes(name), name)
  }
  t.ok(bounding > 0n)
})

type SeccompInput = NonNullable<NonNullable<OciConfig['linux']>['seccomp']>
const filtered =
  (seccomp: object) =>
  (config: TestConfig): void => {
    config.linux.seccomp = seccomp as SeccompInput as NonNullable<TestConfig['linux']['seccomp']>
  }

/** Nothing that runs here calls it. */
const unused = { names: ['swapoff'] }
const ALLOW = 'SCMP_ACT_ALLOW'

const runs = (t: Test, seccomp: object) => makeBundle(t).sh('echo works', filtered(seccomp))

t.test(
  'features-linux.md#seccomp: a filter with each action, operator and flag is in force',
  withLibseccomp,
  async t => {
    const { actions = [], operators = [], supportedFlags = [] } = linux?.seccomp ?? {}
    t.same([actions.length, operators.length], [9, 7])
    // That of SCMP_ACT_NOTIFY takes an agent: config-linux-seccomp-notify.test.ts.
    for (const action of actions.filter(action => action !== 'SCMP_ACT_NOTIFY')) {
      t.match(await runs(t, { defaultAction: ALLOW, syscalls: [{ ...unused, action }] }), { stdout: 'works\n' }, action)
    }
    for (const op of operators) {
      const args = [{ index: 0, value: 7, op }]
      const seccomp = { defaultAction: ALLOW, syscalls: [{ ...unused, action: 'SCMP_ACT_ERRNO', args }] }
      t.match(await runs(t, seccomp), { stdout: 'works\n' }, op)
    }
    const flags = [...supportedFlags]
    const all = { defaultAction: ALLOW, flags, syscalls: [{ ...unused, action: 'SCMP_ACT_ERRNO' }] }
    t.match(await runs(t, all), { stdout: 'works\n' })
  },
)

t.test(
  'features-linux.md#seccomp: each architecture is filtered, or unknown to libseccomp',
  withLibseccomp,
  async t => {
    const { archs = [] } = linux?.seccomp ?? {}
    t.ok(archs.length > 18)
    for (const architecture of archs) {
      const syscalls = [{ ...unused, action: 'SCMP_ACT_ERRNO' }]
      const seccomp = { defaultAction: ALLOW, architectures: [architecture], syscalls }
      const error = await createError(makeBundle(t), filtered(seccomp))
      if (error === undefined) continue
      // Those of the other byte order can't be in a filter of this machine, and old libraries lack some.
      t.match(error, { name: 'ConfigError', issues: [{ path: '/linux/seccomp/architectures/0' }] }, architecture)
    }
  },
)

t.test('features-linux.md#cgroup: the container is in a cgroup of each version that is there', skip, async t => {
  const { v1, v2 } = linux?.cgroup ?? {}
  t.same([v1, v2], [true, true])
  const bundle = makeBundle(t)
  const path = `/${bundle.id('both')}`
  const { pid } = await createSleeper(bundle, config => (config.linux.cgroupsPath = path))
  const found = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const mine = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  t.equal(found.filter(line => line.endsWith(path)).length, mine.length)
})
