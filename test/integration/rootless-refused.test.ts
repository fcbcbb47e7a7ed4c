/** What a user without privileges can't have, and the words that say so. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import type { TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { makeRootlessBundle, type Surroundings } from '../rootless.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

interface Case {
  readonly title: string
  readonly change?: (config: TestConfig) => void
  readonly surroundings?: Surroundings
  /** What the message has. */
  readonly says: readonly (string | RegExp)[]
}

const withoutNamespace =
  (unwanted: string) =>
  ({ linux }: TestConfig): void => {
    linux.namespaces = (linux.namespaces ?? []).filter(({ type }) => type !== unwanted)
  }

const more = { containerID: 1, hostID: 300000, size: 10 }

const CASES: readonly Case[] = [
  {
    title: 'no user namespace',
    change: config => {
      withoutNamespace('user')(config)
      delete config.linux.uidMappings
      delete config.linux.gidMappings
    },
    says: ['a user namespace (/linux/namespaces)', 'rootless container requires user namespaces', 'spec --rootless'],
  },
  {
    title: 'a sysfs without a network namespace',
    change: ({ mounts }) => mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs' }),
    says: ['a new network namespace', 'sysfs', '/mounts/8', 'or bind /sys of the host'],
  },
  {
    title: 'a proc without a pid namespace',
    change: withoutNamespace('pid'),
    says: ['a new pid namespace, to mount proc', '/mounts/0'],
  },
  {
    title: 'neither a pid namespace nor a cgroup',
    change: config => {
      withoutNamespace('pid')(config)
      config.mounts.shift()
    },
    says: ['a cgroup, to end all processes of a container without a new pid namespace', 'or have a cgroup delegated'],
  },
  {
    title: 'a cgroup mount without a cgroup namespace',
    change: withoutNamespace('cgroup'),
    says: ['a new cgroup namespace', '/mounts/6'],
  },
  {
    title: 'a message queue without an ipc namespace',
    change: withoutNamespace('ipc'),
    says: ['a new ipc namespace', 'mqueue', '/mounts/4'],
  },
  {
    title: 'a group of the pseudo-terminals that is not mapped',
    change: ({ mounts }) => mounts.find(({ type }) => type === 'devpts')?.options?.push('gid=5'),
    says: ['/mounts/2/options', 'gid=5', '/linux/gidMappings'],
  },
  {
    title: 'additional groups',
    change: ({ process }) => (process.user = { uid: 0, gid: 0, additionalGids: [0] }),
    says: ['/process/user/additionalGids', 'setgroups'],
  },
  {
    title: 'ids that newuidmap is not there for',
    change: ({ linux }) => linux.uidMappings?.push(more),
    surroundings: { env: { PATH: '/nonexistent' } },
    says: ['newuidmap', '/linux/uidMappings', 'PATH=/nonexistent', 'package uidmap'],
  },
  {
    title: 'limits without a cgroup to set them in',
    change: ({ linux }) => (linux.resources = { pids: { limit: 5 } }),
    says: ['cgroups, for /linux/resources/pids/limit', 'delegated'],
  },
  {
    title: 'device rules without a cgroup to apply them in',
    change: ({ linux }) => (linux.resources = { devices: [{ allow: false, access: 'rwm' }] }),
    says: ['cgroups, for /linux/resources/devices/0'],
  },
  {
    title: 'a cgroup that the user may not make',
    change: ({ linux }) => (linux.cgroupsPath = '/tsrun-rootless-refused'),
    says: [/the right to make \S+\/tsrun-rootless-refused/, 'EACCES'],
  },
  {
    title: 'a lower score for the OOM killer',
    change: ({ process }) => (process.oomScoreAdj = -500),
    says: ['/process/oomScoreAdj', 'EACCES', 'it can only be raised'],
  },
  {
    title: 'a higher limit than the own hard one',
    change: ({ process }) => (process.rlimits = [{ type: 'RLIMIT_CORE', soft: 1, hard: 1_000_000 }]),
    surroundings: { before: 'ulimit -H -c 1' },
    says: ['/process/rlimits/0', 'EPERM'],
  },
  {
    title: 'a source that the user may not see',
    change: ({ mounts }) => mounts.push({ destination: '/r', source: '/root/x', options: ['bind'] }),
    surroundings: { before: 'mount -t tmpfs -o mode=700 tmpfs /root && touch /root/x' },
    says: ['/mounts/8/source', 'EACCES'],
  },
  {
    title: 'a bind that leaves out the mounts below its source',
    change: ({ mounts }) => mounts.push({ destination: '/r', source: '/mnt', options: ['bind'] }),
    surroundings: { before: 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/a && mount -t tmpfs tmpfs /mnt/a' },
    says: ['/mounts/8', 'open_tree', 'EINVAL', 'use rbind'],
  },
  {
    title: 'a proc if that of the host is covered in part',
    surroundings: { before: 'mount -t tmpfs tmpfs /proc/fs' },
    says: ['/mounts/0', 'fsmount', 'EPERM', 'nothing may cover a part of it'],
  },
  {
    title: 'mapped ids of a mount',
    change: ({ mounts }) => mounts.push({ destination: '/r', source: '/etc', options: ['bind', 'idmap'] }),
    says: ['CAP_SYS_ADMIN to map the ids of a mount (/mounts/8)'],
  },
  {
    title: 'a device that the host has not',
    change: ({ linux }) => (linux.devices = [{ path: '/dev/null', type: 'c', major: 1, minor: 9 }]),
    says: ['/linux/devices/0', '/dev/null of the host is the device c 1:3, not c 1:9'],
  },
]

for (const { title, change, surroundings, says } of CASES) {
  t.test(`refuses, and says why: ${title}`, skip, async t => {
    const { sh, state } = makeRootlessBundle(t)
    const { status, stdout, stderr } = sh('echo never', change, surroundings)
    t.match({ status, stdout }, { status: 1, stdout: '' })
    for (const words of says)
      t.ok(typeof words === 'string' ? stderr.includes(words) : words.test(stderr), `${words}: ${stderr}`)
    t.same(stateOf(state), [])
  })
}

/** Where nothing was made there is no directory either. */
function stateOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

t.test('without XDG_RUNTIME_DIR there is no place for the state', skip, async t => {
  const { configure, tsrun, script, directory } = makeRootlessBundle(t)
  configure('echo here')
  const env = { XDG_RUNTIME_DIR: '' }
  const { status, stderr } = tsrun(['list'], { env })
  t.equal(status, 1)
  t.match(stderr, /needs XDG_RUNTIME_DIR.*name a directory of your own/)
  t.match(tsrun(['features'], { env }), { status: 0 }, 'what needs no state works')
  t.match(tsrun(['--root', `${directory}/other`, 'run', 'c'], { env }), { status: 0, stdout: 'here\n' })
  t.match(script('XDG_RUNTIME_DIR=relative tsrun list'), { status: 1, stderr: /found \\"relative\\"/ })
})

t.test('a container without a cgroup tells what it can not do', skip, async t => {
  const { configure, script } = makeRootlessBundle(t)
  configure('sleep 100')
  const { stderr } = script(`
    tsrun create c >created 2>&1 </dev/null; tsrun start c
    tsrun ps c; tsrun pause c; tsrun events --stats c; tsrun kill --all c TERM; tsrun update --pids-limit 5 c
    tsrun delete --force c`)
  const told = stderr
    .trim()
    .split('\n')
    .map(line => /msg="(.*)"$/.exec(line)?.[1])
  const needs = (what: string) => new RegExp(`^needs a cgroup of the container, for ${what}, found none`)
  t.match(told, [
    ...['the list of its processes', 'pause', 'statistics', 'a signal to all of its processes'].map(needs),
    /^\/linux\/resources\/pids\/limit: /,
  ])
  t.equal(told.length, 5)
})
