/** Where the specification is silent, a process finds what it finds under runc. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'runc', 'cgroup-v1') }

/**
 * All that a process can see of itself and of its surroundings. Left out: numbers that differ from run to run, the link to
 * /proc/kcore that runc of this version does not make, and the group of /dev/mqueue, which it leaves to nobody.
 */
const PROBE = `
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Cpus_allowed_list|Umask|SigBlk|SigIgn)' /proc/self/status
echo env; env | busybox sort | grep -vE '^(SHLVL|PWD|OLDPWD|_)='
echo place; pwd; umask; hostname; cat /proc/sys/kernel/domainname /proc/self/cgroup
echo limits; cat /proc/self/limits
cd /dev; for f in * pts/*; do busybox stat -c '%n %F %t:%T %a %u:%g' $f; test -L $f && busybox readlink $f; done | grep -vE 'core|^mqueue'
echo mounts; busybox awk '{ sub(/^.* - /, "", $0); print $1 }' /proc/self/mountinfo | busybox sort
busybox awk '{ print $4, $5, ($7 ~ /^shared/ || $8 ~ /^shared/), ($7 ~ /^master/ || $8 ~ /^master/) }' /proc/self/mountinfo | busybox sort
echo descriptors; ls /proc/self/fd
echo rest; cat /proc/self/oom_score_adj /proc/self/personality; busybox cut -d' ' -f4-8 /proc/self/stat
ip -o link | grep lo:; ip -o addr show lo
for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /proc/scsi /proc/acpi; do busybox stat -c '%n %F' $f 2>&1; done
touch /proc/sys/x /sys/x 2>&1; true
`

type Change = (config: TestConfig) => void

const withUserNamespace: Change = ({ linux }) => {
  linux.namespaces?.push({ type: 'user' })
  linux.uidMappings = linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
}
const without =
  (...types: readonly string[]): Change =>
  config => {
    config.linux.namespaces = config.linux.namespaces?.filter(({ type }) => !types.includes(type)) ?? []
    if (types.includes('uts')) delete config.hostname
  }

const CASES: Readonly<Record<string, Change>> = {
  'what `runc spec` writes': () => {},
  'a user with groups': ({ process }) => (process.user = { uid: 1000, gid: 1001, additionalGids: [5, 7] }),
  'a umask, and a directory that is made': config => {
    config.root = { path: 'rootfs', readonly: false }
    config.process.user = { uid: 5, gid: 6, umask: 0o77 }
    config.process.cwd = '/data/new'
  },
  'a user namespace': withUserNamespace,
  'a user of a user namespace': config => {
    withUserNamespace(config)
    config.process.user = { uid: 7, gid: 8 }
  },
  'no capabilities': ({ process }) => delete process.capabilities,
  'ambient capabilities': ({ process }) => {
    const names = ['CAP_KILL', 'CAP_CHOWN']
    process.capabilities = { bounding: names, effective: names, permitted: names, inheritable: names, ambient: names }
    process.user = { uid: 9, gid: 9 }
    process.noNewPrivileges = false
  },
  'devices of its own': ({ linux }) => {
    linux.devices = [
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o640, uid: 3, gid: 4 },
      { path: '/dev/sub/pipe', type: 'p' },
    ]
  },
  'binds, files and nested mounts': ({ mounts }) => {
    mounts.push(
      { destination: '/data', source: '/etc', type: 'none', options: ['rbind', 'ro', 'nosuid'] },
      { destination: '/etc/hosts', source: '/etc/hostname', type: 'bind', options: ['bind'] },
      { destination: '/tmp/x/y', source: 'tmpfs', type: 'tmpfs', options: ['size=1m'] },
    )
  },
  'the ipc and uts namespaces of the host': without('ipc', 'uts'),
  'the cgroup namespace of the host': without('cgroup'),
  'null for what a writer in Go leaves empty': config => {
    const nothing = { hooks: null, annotations: null }
    Object.assign(config, nothing)
    Object.assign(config.process, { rlimits: null, oomScoreAdj: null, selinuxLabel: null, consoleSize: null })
    config.process.user = { uid: 0, gid: 0, ...{ additionalGids: null as never } }
    const resources = { devices: null, memory: null, cpu: { shares: null }, blockIO: null, hugepageLimits: null }
    Object.assign(config.linux, { resources, devices: null, sysctl: null, seccomp: null, uidMappings: null })
    config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', ...{ options: null as never } })
  },
  'empty paths of namespaces': ({ linux }) => {
    linux.namespaces = (linux.namespaces ?? []).map(({ type }) => ({ type, path: '' }))
  },
  'slashes too many in the path of the cgroup': ({ linux }) => {
    linux.cgroupsPath = `/${linux.cgroupsPath}//`
  },
  'several kinds of propagation for one mount': ({ mounts }) => {
    const kinds = ['rslave rshared', 'shared private', 'rprivate rslave', 'private shared', 'unbindable shared slave']
    for (const [index, propagation] of kinds.entries()) {
      const options = ['rbind', ...propagation.split(' ')]
      mounts.push({ destination: `/data${index}`, source: '/etc', type: 'bind', options })
    }
  },
  'no version': config => {
    delete config.ociVersion
  },
  'environment variables twice': ({ process }) => (process.env = ['PATH=/bin', 'A=1', 'B=', 'A=2']),
}

/** The configuration that runc writes, and what is changed of it. */
function configure({ bundle }: { bundle: string }, path: string, change: Change): void {
  execFileSync('runc', ['spec'], { cwd: bundle })
  const config = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8')) as TestConfig
  Object.assign(config.process, { terminal: false, args: ['/bin/sh', '-c', PROBE], env: ['PATH=/bin', 'TERM=xterm'] })
  config.linux.resources = {}
  config.linux.cgroupsPath = path
  change(config)
  writeFileSync(`${bundle}/config.json`, JSON.stringify(config))
}

async function seenUnderBoth(t: Test, change: Change): Promise<[string, string]> {
  // runc sets 022 where the configuration has none, and the specification wants it left alone.
  const before = process.umask(0o022)
  t.teardown(() => process.umask(before))
  const bundle = makeBundle(t)
  rmSync(`${bundle.bundle}/config.json`)
  // In a user namespace runc needs to find the root by its path.
  chmodSync(bundle.directory, 0o755)
  configure(bundle, `/${bundle.id('c')}`, change)
  const root = `${bundle.directory}/runc`
  const theirs = spawnSync('runc', ['--root', root, 'run', bundle.id()], {
    cwd: bundle.bundle,
    encoding: 'utf8',
    input: '',
  })
  t.equal(theirs.status, 0, theirs.stderr)
  const ours = await bundle.runtime.run({ bundle: bundle.bundle, input: '' })
  return [theirs.stdout, ours.stdout]
}

for (const [name, change] of Object.entries(CASES)) {
  t.test(`a process finds the same under runc and under tsrun: ${name}`, skip, async t => {
    const [theirs, ours] = await seenUnderBoth(t, change)
    t.ok(theirs.length > 1000)
    t.equal(ours, theirs)
  })
}
