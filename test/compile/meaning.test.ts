/**
 * What each field of a plan means, once: from a configuration of its own to the argument that comes of it. The golden plans show whole
 * plans, and that they stay as they are; a reviewer who sees one change looks the field up here.
 */
import t from 'tap'
import { CLONE, MS, S_IF, SECCOMP_FILTER_FLAG } from '../../lib/plan/flags.js'
import { OPS, type OpName, RESOLVE } from '../../lib/plan/ops.js'
import type { Plan } from '../../lib/plan/plan.js'
import { argsOf } from './cases.js'
import {
  CHOWN,
  checked,
  connected,
  docker,
  guarded,
  hosted,
  inherited,
  joining,
  KILL,
  labelled,
  layeredInDirectory,
  layeredInMemory,
  limited,
  mappedAbove,
  mappedInside,
  NET_RAW,
  NODEV,
  NOEXEC,
  NOSUID,
  NOSYMFOLLOW,
  noMounts,
  otherId,
  RDONLY,
  restricted,
  whole,
  writableOtherId,
  writableWhole,
} from './meaning-plans.js'

/** An argument of the op of that name; `at`: of which one among those of the name. */
const value = (plan: Plan, op: OpName, field: string, at = 0): unknown =>
  (argsOf(plan, op)[at] as Record<string, unknown> | undefined)?.[field]

/** The slot that an op names. */
const slotOf = (plan: Plan, op: OpName): unknown => plan.slots[value(plan, op, 'slot') as number]

const lastNode = (field: string): unknown => value(whole, 'mknod', field, argsOf(whole, 'mknod').length - 1)
const first = (op: OpName, field: string): unknown => value(whole, op, field)

/** The same options mean the same for all that is attached. */
const attached = (
  plan: Plan,
  op: 'attach' | 'attach_checked' | 'attach_mapped',
): Record<string, readonly [unknown, unknown]> => ({
  [`${op}.path`]: [value(plan, op, 'path'), '/bound'],
  [`${op}.set`]: [value(plan, op, 'set'), RDONLY],
  [`${op}.clear`]: [value(plan, op, 'clear'), NOEXEC],
  [`${op}.recSet`]: [value(plan, op, 'recSet'), NOSUID],
  [`${op}.recClear`]: [value(plan, op, 'recClear'), NODEV],
  [`${op}.propagation`]: [value(plan, op, 'propagation'), MS.SLAVE | MS.REC],
})

/** For each field of each op: what it is in the plan, and what it has to be. */
const MEANINGS: Readonly<Record<string, readonly [found: unknown, expected: unknown]>> = {
  'cgroup_join.slot': [slotOf(docker, 'cgroup_join'), { kind: 'cgroup', hierarchy: 0, origin: '/linux/cgroupsPath' }],
  'setns.slot': [slotOf(joining, 'setns'), { kind: 'init', origin: '/linux/namespaces' }],
  'setns.type': [value(joining, 'setns', 'type'), CLONE.NEWNET | CLONE.NEWPID | CLONE.NEWNS],
  'unshare.flags': [first('unshare', 'flags'), CLONE.NEWCGROUP],
  'become_root.uid': [value(otherId, 'become_root', 'uid'), 7],
  'become_root.gid': [value(otherId, 'become_root', 'gid'), 8],
  'propagation.flags': [value(docker, 'propagation', 'flags'), MS.SLAVE | MS.REC],
  'root.slot': [
    slotOf(whole, 'root'),
    { kind: 'tree', path: '/bundle/rootfs', recursive: true, nofollow: false, origin: '/root/path' },
  ],
  'root_checked.slot': [
    slotOf(checked, 'root_checked'),
    { kind: 'directory', path: '/bundle/rootfs', origin: '/root/path' },
  ],
  'root_checked.source': [value(checked, 'root_checked', 'source'), '/bundle/rootfs'],
  'layer.slot': [slotOf(layeredInDirectory, 'layer'), { kind: 'directory', path: '/layers/base', origin: '/root' }],
  'layer.source': [value(layeredInDirectory, 'layer', 'source', 1), '/layers/top'],
  'root_layered.slot': [
    slotOf(layeredInDirectory, 'root_layered'),
    { kind: 'directory', path: '/upper', origin: '/root' },
  ],
  'root_layered.source': [value(layeredInDirectory, 'root_layered', 'source'), '/upper'],
  'root_layered.list': [value(layeredInDirectory, 'root_layered', 'list'), 1],
  'root_in_memory.slot': [slotOf(layeredInMemory, 'root_in_memory'), { kind: 'upper', origin: '/root' }],
  'root_in_memory.options': [value(layeredInMemory, 'root_in_memory', 'options'), ['mode=0755', 'size=4096']],
  'root_in_memory.list': [value(layeredInMemory, 'root_in_memory', 'list'), 0],
  'sockets.slot': [slotOf(connected, 'sockets'), { kind: 'sockets', origin: '' }],
  'sockets.kinds': [value(connected, 'sockets', 'kinds'), [2, 4]],
  'root_dir.slot': [slotOf(noMounts, 'root_dir'), { kind: 'directory', path: '/bundle/rootfs', origin: '/root/path' }],
  'attach.slot': [
    slotOf(whole, 'attach'),
    { kind: 'tree', path: '/srv', recursive: true, nofollow: false, origin: '/mounts/0/source' },
  ],
  ...attached(whole, 'attach'),
  // With any flag a bind has exactly its own; in a user namespace what the kernel may have locked stays.
  'attach.implied': [first('attach', 'implied'), NOSUID | NODEV | NOSYMFOLLOW],
  'attach_mapped.implied': [value(mappedInside, 'attach_mapped', 'implied'), NOSUID | NODEV | NOSYMFOLLOW],
  'attach_checked.implied': [value(checked, 'attach_checked', 'implied'), NOSYMFOLLOW],
  'attach.resolve': [first('attach', 'resolve'), 0],
  'attach_checked.slot': [
    slotOf(checked, 'attach_checked'),
    // What is to be cleared is looked up beforehand: it may be locked.
    {
      kind: 'place',
      path: '/srv',
      recursive: true,
      origin: '/mounts/0/source',
      cleared: { mount: 8, tree: 4, times: null },
    },
  ],
  'attach_checked.source': [value(checked, 'attach_checked', 'source'), '/srv'],
  'attach_checked.recursive': [value(checked, 'attach_checked', 'recursive'), 1],
  ...attached(checked, 'attach_checked'),
  'attach_checked.resolve': [value(checked, 'attach_checked', 'resolve'), 0],
  'attach_inside.source': [first('attach_inside', 'source'), '/fresh'],
  'attach_inside.recursive': [first('attach_inside', 'recursive'), 0],
  'attach_inside.path': [first('attach_inside', 'path'), '/again'],
  'attach_inside.set': [first('attach_inside', 'set'), NOSUID],
  'attach_inside.clear': [first('attach_inside', 'clear'), NODEV],
  'attach_inside.implied': [first('attach_inside', 'implied'), RDONLY | NOEXEC | NOSYMFOLLOW],
  'attach_inside.recSet': [first('attach_inside', 'recSet'), NOEXEC],
  'attach_inside.recClear': [first('attach_inside', 'recClear'), RDONLY],
  'attach_inside.propagation': [first('attach_inside', 'propagation'), MS.PRIVATE],
  'attach_inside.resolve': [first('attach_inside', 'resolve'), 0],
  ...attached(mappedInside, 'attach_mapped'),
  'attach_mapped.slot': [
    slotOf(mappedInside, 'attach_mapped'),
    {
      ...{ kind: 'idmapped_tree', path: '/srv/a', recursive: true, origin: '/mounts/1/source' },
      idmap: {
        recursive: false,
        by: { uid: [{ containerID: 0, hostID: 1000, size: 10 }], gid: [{ containerID: 0, hostID: 1000, size: 10 }] },
        origin: '/mounts/1',
      },
    },
  ],
  'attach_mapped.source': [value(mappedInside, 'attach_mapped', 'source'), '/fresh/a'],
  'attach_mapped.below': [value(mappedAbove, 'attach_mapped', 'below'), ['b']],
  'attach_mapped.resolve': [value(mappedInside, 'attach_mapped', 'resolve'), 0],
  'root_over.slot': [slotOf(inherited, 'root_over'), { kind: 'root_mount', origin: '/root/path' }],
  'open_files.soft': [value(limited, 'open_files', 'soft'), 77n],
  'mount_fs.type': [first('mount_fs', 'type'), 'tmpfs'],
  'mount_fs.source': [first('mount_fs', 'source'), 'name'],
  'mount_fs.path': [first('mount_fs', 'path'), '/fresh'],
  'mount_fs.options': [first('mount_fs', 'options'), ['size=1m']],
  'mount_fs.attributes': [first('mount_fs', 'attributes'), NOEXEC],
  'mount_fs.recSet': [first('mount_fs', 'recSet'), NODEV],
  'mount_fs.recClear': [first('mount_fs', 'recClear'), NOSUID],
  'mount_fs.propagation': [first('mount_fs', 'propagation'), MS.SHARED],
  'mount_fs.resolve': [first('mount_fs', 'resolve'), RESOLVE.KEEP_MODE],
  'set_attributes.path': [first('set_attributes', 'path'), '/fresh'],
  'set_attributes.set': [first('set_attributes', 'set'), RDONLY],
  'set_attributes.clear': [first('set_attributes', 'clear'), NOEXEC],
  'set_attributes.recSet': [first('set_attributes', 'recSet'), NOSUID],
  'set_attributes.recClear': [first('set_attributes', 'recClear'), NODEV],
  'set_attributes.propagation': [first('set_attributes', 'propagation'), MS.PRIVATE],
  'reconfigure.path': [first('reconfigure', 'path'), '/fresh'],
  'reconfigure.options': [first('reconfigure', 'options'), ['size=2m']],
  'mkdir.path': [value(writableWhole, 'mkdir', 'path'), '/work'],
  'mkdir.mode': [value(writableWhole, 'mkdir', 'mode'), 0o755],
  'mkdir.uid': [value(writableOtherId, 'mkdir', 'uid'), 7],
  'mkdir.gid': [value(writableOtherId, 'mkdir', 'gid'), 8],
  'symlink.target': [first('symlink', 'target'), '/proc/self/fd'],
  'symlink.path': [first('symlink', 'path'), '/dev/fd'],
  'mknod.path': [lastNode('path'), '/dev/disk'],
  'mknod.mode': [lastNode('mode'), S_IF.IFBLK | 0o640],
  'mknod.major': [lastNode('major'), 8],
  'mknod.minor': [lastNode('minor'), 3],
  'mknod.uid': [lastNode('uid'), 5],
  'mknod.gid': [lastNode('gid'), 6],
  'mknod.keep': [lastNode('keep'), 0],
  'place_root.path': [value(docker, 'place_root', 'path'), '/bundle/rootfs'],
  'join_root.slot': [slotOf(joining, 'join_root'), { kind: 'init_root', origin: '/root/path' }],
  'hostname.name': [first('hostname', 'name'), 'box'],
  'domainname.name': [first('domainname', 'name'), 'example.org'],
  'sysctl.key': [first('sysctl', 'key'), 'net/ipv4/ip_forward'],
  'sysctl.value': [first('sysctl', 'value'), '1'],
  'console.slot': [slotOf(whole, 'console'), { kind: 'console', origin: '/process/terminal' }],
  'console.rows': [first('console', 'rows'), 24],
  'console.columns': [first('console', 'columns'), 80],
  'console.bind': [first('console', 'bind'), 1],
  'console.lineFeeds': [first('console', 'lineFeeds'), 1],
  'mask_path.path': [first('mask_path', 'path'), '/masked'],
  'readonly_path.path': [first('readonly_path', 'path'), '/fixed'],
  'root_attr.set': [first('root_attr', 'set'), RDONLY],
  'root_attr.propagation': [first('root_attr', 'propagation'), MS.SHARED],
  'keyring.name': [first('keyring', 'name'), '_ses.c1'],
  'personality.persona': [first('personality', 'persona'), 8],
  'memory_policy.mode': [first('memory_policy', 'mode'), 3],
  'memory_policy.nodes': [first('memory_policy', 'nodes'), [0, 1, 3]],
  'umask.mask': [first('umask', 'mask'), 0o27],
  'bounding_set.keep': [first('bounding_set', 'keep'), CHOWN | KILL | NET_RAW],
  'stdio_owner.uid': [first('stdio_owner', 'uid'), 7],
  'groups.gids': [first('groups', 'gids'), [9, 10]],
  'gid.gid': [first('gid', 'gid'), 8],
  'uid.uid': [first('uid', 'uid'), 7],
  'capabilities.effective': [first('capabilities', 'effective'), CHOWN],
  'capabilities.permitted': [first('capabilities', 'permitted'), CHOWN | KILL],
  'capabilities.inheritable': [first('capabilities', 'inheritable'), KILL | NET_RAW],
  'capabilities.ambient': [first('capabilities', 'ambient'), KILL],
  'lsm_label.file': [value(labelled, 'lsm_label', 'file'), 'keycreate'],
  'lsm_label.label': [value(labelled, 'lsm_label', 'label'), 'system_u:system_r:container_t:s0:c1,c2'],
  'chdir.path': [first('chdir', 'path'), '/work'],
  'chdir.optional': [argsOf(whole, 'chdir').map(({ optional }) => optional), [1, 0]],
  'resolve_exec.candidates': [first('resolve_exec', 'candidates'), ['/bin/prog', '/sbin/prog']],
  'seccomp.slot': [slotOf(whole, 'seccomp'), { kind: 'filter', origin: '/linux/seccomp' }],
  'seccomp.flags': [first('seccomp', 'flags'), SECCOMP_FILTER_FLAG.LOG],
  'lifeline.slot': [slotOf(guarded, 'lifeline'), { kind: 'lifeline', origin: '' }],
  'guard.slot': [slotOf(hosted, 'guard'), { kind: 'init', origin: '' }],
  'landlock.fs': [value(restricted, 'landlock', 'fs'), 0xffffn],
  'landlock.net': [value(restricted, 'landlock', 'net'), 3n],
  'landlock.scope': [value(restricted, 'landlock', 'scope'), 3n],
  'landlock_beneath.access': [value(restricted, 'landlock_beneath', 'access'), 0xcn],
  'landlock_beneath.paths': [value(restricted, 'landlock_beneath', 'paths'), ['/work']],
  'landlock_ports.access': [value(restricted, 'landlock_ports', 'access'), 2n],
  'landlock_ports.ports': [value(restricted, 'landlock_ports', 'ports'), [443]],
  'reap.slot': [slotOf(guarded, 'reap'), { kind: 'status', origin: '' }],
  'await_start.slot': [slotOf(whole, 'await_start'), { kind: 'start', origin: '' }],
  'close_from.first': [first('close_from', 'first'), 3],
  'execve.args': [first('execve', 'args'), ['prog', 'word']],
  'execve.env': [first('execve', 'env'), ['PATH=/bin:/sbin', 'A=1']],
}

for (const [field, [found, expected]] of Object.entries(MEANINGS)) {
  t.test(`${field} means what the configuration says`, async t => {
    t.strictSame(found, expected)
  })
}

t.test('every field of every op is in the table', async t => {
  const fields = Object.entries(OPS).flatMap(([name, { args }]) => Object.keys(args).map(field => `${name}.${field}`))
  t.ok(fields.length > 80)
  t.same(
    fields.filter(field => !(field in MEANINGS)),
    [],
  )
  t.same(
    Object.keys(MEANINGS).filter(field => !fields.includes(field)),
    [],
  )
})
