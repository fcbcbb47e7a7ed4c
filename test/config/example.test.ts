import t from 'tap'
import { exampleConfig } from '../../lib/config/example.js'
import { readConfig } from '../../lib/config/read.js'

/** As whoever writes it to a file will read it. */
const read = (options?: Parameters<typeof exampleConfig>[0]) => readConfig(JSON.stringify(exampleConfig(options)))

t.test('the example is valid and gives no warning', async t => {
  const { config, warnings } = read()
  t.same(warnings, [])
  t.same(config.process?.args, ['sh'])
  t.equal(config.process?.terminal, true)
  t.equal(config.process?.noNewPrivileges, true)
  t.equal(config.root.readonly, true)
})

t.test('nothing in it can be inherited by a program that is executed', async t => {
  const { config } = read()
  t.equal(config.process?.capabilities?.inheritable, 0n)
  t.equal(config.process?.capabilities?.ambient, 0n)
})

t.test('the program and the terminal can be chosen', async t => {
  const { config } = read({ args: ['/bin/true', '-x'], terminal: false })
  t.same(config.process?.args, ['/bin/true', '-x'])
  t.equal(config.process?.terminal, false)
})

t.test('directories of the host are bound read-only, with all that is mounted below them', async t => {
  const { config, warnings } = read({ hostPaths: ['/usr', '/bin'] })
  t.same(warnings, [])
  const bound = config.mounts.filter(({ kind }) => kind === 'bind')
  t.same(
    bound.map(({ source, destination, recursive }) => ({ source, destination, recursive })),
    ['/usr', '/bin'].map(path => ({ source: path, destination: path, recursive: true })),
  )
  const [READONLY, NOSUID, NODEV] = [1n, 2n, 4n]
  for (const { recSet, destination } of bound) t.equal(recSet & 7n, READONLY | NOSUID | NODEV, destination)
  t.ok(config.mounts.some(({ destination, type }) => destination === '/tmp' && type === 'tmpfs'))
})

t.test('without privileges the user becomes root of a user namespace and nothing else', async t => {
  const { config, warnings } = read({ rootless: { uid: 1000, gid: 1001 } })
  t.same(warnings, [])
  t.same(config.linux.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }])
  t.same(config.linux.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }])
  const types = config.linux.namespaces.map(({ type }) => type)
  t.ok(types.includes('user') && !types.includes('network'))
  t.notOk(config.mounts.some(({ data, type }) => type === 'sysfs' || data.includes('gid=5')))
})

t.test('two examples share nothing that one could change in the other', async t => {
  t.same(exampleConfig(), exampleConfig())
  t.not(exampleConfig().mounts, exampleConfig().mounts)
})

t.test('it is cautious: limits, a filter, and a place to write to that is memory', async t => {
  const { config } = read()
  t.equal(config.linux.resources.pids.limit, 1024n)
  t.equal(config.linux.resources.memory.limit, 1n << 30n)
  t.equal(config.linux.seccomp?.defaultAction, 'SCMP_ACT_ERRNO')
  const allowed = new Set(
    config.linux.seccomp?.syscalls
      .filter(({ args, action }) => args.length === 0 && action === 'SCMP_ACT_ALLOW')
      .flatMap(({ names }) => names),
  )
  t.ok(['execve', 'read', 'openat', 'futex', 'signalfd4', 'ppoll', 'wait4', 'setpgid'].every(name => allowed.has(name)))
  const refused =
    'mount umount2 pivot_root setns unshare bpf keyctl add_key init_module kexec_load ptrace perf_event_open open_by_handle_at'
  t.same(
    `${refused} io_uring_setup userfaultfd process_vm_readv reboot clone3 clone`
      .split(' ')
      .filter(name => allowed.has(name)),
    [],
  )
  t.ok(config.mounts.some(({ destination, type }) => destination === '/tmp' && type === 'tmpfs'))
  const bare = read({ seccomp: false, limits: false }).config
  t.same([bare.linux.seccomp, bare.linux.resources.pids.limit], [null, null])
  t.equal(read({ rootless: { uid: 1, gid: 1 } }).config.linux.resources.memory.limit, null, 'it may have no cgroup')
})
