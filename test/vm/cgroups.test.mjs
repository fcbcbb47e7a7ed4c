/** cgroup v2 with all controllers, by directories of our own. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { attempt, cgroupOf, configOf, disk, host, newId, outputOf, read, rootfs, runtime, withSleeper } from './box.mjs'
import { test } from './tap.mjs'

const MiB = 1024 * 1024
const { major, minor } = disk()

test('the machine has cgroup v2 alone, with all controllers', () => {
  const controllers = read('/sys/fs/cgroup', 'cgroup.controllers')?.split(' ') ?? []
  for (const name of ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb']) assert.ok(controllers.includes(name), name)
})

test('every limit is in the file that the kernel has for it', async () => {
  const resources = {
    memory: { limit: 64 * MiB, swap: 96 * MiB, reservation: 16 * MiB },
    cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0', mems: '0' },
    pids: { limit: 20 },
    blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 4 * MiB }] },
    hugepageLimits: [{ pageSize: '2MB', limit: 8 * MiB }],
    unified: { 'memory.high': String(60 * MiB) },
  }
  await withSleeper({ linux: { cgroupsPath: '/vm/limits', resources } }, async ({ pid }) => {
    const cgroup = cgroupOf(pid)
    assert.equal(cgroup, '/sys/fs/cgroup/vm/limits')
    const files = {
      'memory.max': String(64 * MiB),
      'memory.swap.max': String(32 * MiB),
      'memory.low': String(16 * MiB),
      'memory.high': String(60 * MiB),
      'cpu.max': '50000 100000',
      'cpu.weight': '59',
      'cpuset.cpus': '0',
      'cpuset.cpus.effective': '0',
      'cpuset.mems': '0',
      'pids.max': '20',
      'io.max': `${major}:${minor} rbps=${4 * MiB} wbps=max riops=max wiops=max`,
      'hugetlb.2MB.max': String(8 * MiB),
      'hugetlb.2MB.rsvd.max': String(8 * MiB),
    }
    for (const [file, value] of Object.entries(files)) assert.equal(read(cgroup, file), value, file)
  })
  assert.ok(!existsSync('/sys/fs/cgroup/vm'), 'nothing is left')
})

test('what is no limit, or less usual, is in its file as well', async () => {
  const resources = {
    memory: { limit: 64 * MiB, swap: -1, reservation: -1 },
    cpu: { quota: -1, period: 50_000, idle: 1 },
    pids: { limit: -1 },
    blockIO: { weight: 500, throttleWriteIOPSDevice: [{ major, minor, rate: 120 }] },
  }
  await withSleeper({ linux: { resources } }, async ({ pid }) => {
    const cgroup = cgroupOf(pid)
    const files = {
      'memory.swap.max': 'max',
      'memory.low': 'max',
      'cpu.max': 'max 50000',
      'cpu.idle': '1',
      'pids.max': 'max',
      'io.max': `${major}:${minor} rbps=max wbps=max riops=max wiops=120`,
    }
    for (const [file, value] of Object.entries(files)) assert.equal(read(cgroup, file), value, file)
    const weights = [read(cgroup, 'io.bfq.weight'), read(cgroup, 'io.weight')]
    assert.ok(weights.includes('default 500') || weights.includes('default 4950'), String(weights))
  })
  const burst = { cpu: { quota: 50_000, period: 100_000, burst: 20_000 } }
  await withSleeper({ linux: { resources: burst } }, async ({ pid }) => {
    assert.equal(read(cgroupOf(pid), 'cpu.max.burst'), '20000')
  })
})

test('what version 2 has no word for is an error that names all of it', async () => {
  const resources = {
    memory: { swappiness: 7, disableOOMKiller: true },
    cpu: { realtimeRuntime: 9000, realtimePeriod: 90_000 },
    network: { classID: 7, priorities: [{ name: 'lo', priority: 1 }] },
    rdma: { nothing: { hcaHandles: 1 } },
    unified: { 'nonsense.max': '1' },
  }
  const create = async named => runtime.create({ id: newId(), config: configOf(null, { resources: named }), rootfs })
  const { rdma, ...others } = resources
  const error = await create(others).catch(error => error)
  assert.equal(error.code, 'ERR_CONFIG_UNSUPPORTED')
  const paths =
    'cpu/realtimePeriod cpu/realtimeRuntime memory/disableOOMKiller memory/swappiness network/classID network/priorities/0 unified/nonsense.max'
  assert.deepEqual(
    error.issues.map(({ path }) => path).sort(),
    paths.split(' ').map(path => `/linux/resources/${path}`),
  )
  await assert.rejects(create({ rdma }), { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/rdma/nothing' })
})

test('a limit below what is in use is refused if the configuration wants that checked', async () => {
  const command = 'dd if=/dev/zero of=/tmp/x bs=1M count=16 2>/dev/null; sleep 1000'
  const more = {
    process: { args: ['/bin/sh', '-c', command] },
    mounts: [{ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' }],
  }
  await withSleeper({ linux: { resources: { memory: { limit: 64 * MiB } } }, more }, async container => {
    for (let tries = 0; (await container.stats()).memory.usage < 16 * MiB && tries < 300; tries++) host('sleep', '0.1')
    const update = container.update({ memory: { limit: 8 * MiB, checkBeforeUpdate: true } })
    await assert.rejects(update, { code: 'ERR_CGROUP_OOM', configPath: '/linux/resources/memory/limit' })
    assert.equal(read(cgroupOf(container.pid), 'memory.max'), String(64 * MiB))
  })
})

test('a container that takes more memory than it may is reported as killed for that', async () => {
  const resources = { memory: { limit: 16 * MiB, swap: 16 * MiB } }
  const { signal, exitCode, oomKilled } = await outputOf('exec tail /dev/zero', { linux: { resources } })
  assert.deepEqual({ signal, exitCode, oomKilled }, { signal: 'SIGKILL', exitCode: null, oomKilled: true })
})

test('a container can not have more processes than it may', async () => {
  const { text } = await outputOf('sleep 9 & sleep 9 & sleep 9 & sleep 9 & sleep 9 & echo all', {
    linux: { resources: { pids: { limit: 4 } } },
  })
  assert.match(text, /can't fork/)
})

test('a container gets no more time of the CPU than it may', async () => {
  const resources = { cpu: { quota: 10_000, period: 100_000 } }
  await withSleeper({ linux: { resources } }, async container => {
    const args = ['/bin/timeout', '3', '/bin/sh', '-c', 'i=0; while [ $i -lt 100000000 ]; do i=$((i + 1)); done']
    await (await container.exec({ args, stdio: 'ignore' })).wait()
    const throttled = /^nr_throttled (\d+)$/m.exec(read(cgroupOf(container.pid), 'cpu.stat'))?.[1]
    assert.ok(Number(throttled) > 0, `throttled ${throttled} times`)
  })
})

const node = { path: '/dev/disk', type: 'b', major, minor, fileMode: 0o600 }
const deny = { allow: false, access: 'rwm' }
const useDisk = 'head -c 1 /dev/disk >/dev/null && echo read; : >>/dev/disk && echo written'

test('a device that is not on the list can not be opened', async () => {
  const { text } = await outputOf(useDisk, { linux: { devices: [node], resources: { devices: [deny] } } })
  assert.match(text, /Operation not permitted/)
  assert.doesNotMatch(text, /read|written/)
})

test('a device on the list can be opened in the ways that are on the list', async () => {
  const allow = { allow: true, type: 'b', major, minor, access: 'r' }
  const { text } = await outputOf(useDisk, { linux: { devices: [node], resources: { devices: [deny, allow] } } })
  assert.match(text, /read/)
  assert.match(text, /Operation not permitted/)
  assert.doesNotMatch(text, /written/)
})

test('a container is frozen and thawed', async () => {
  await withSleeper({}, async container => {
    const cgroup = cgroupOf(container.pid)
    await container.pause()
    assert.match(read(cgroup, 'cgroup.events'), /^frozen 1$/m)
    assert.equal((await container.state()).status, 'paused')
    await container.resume()
    assert.match(read(cgroup, 'cgroup.events'), /^frozen 0$/m)
    assert.equal((await container.state()).status, 'running')
  })
})

test('other limits are written while it runs', async () => {
  await withSleeper({ linux: { resources: { memory: { limit: 64 * MiB } } } }, async container => {
    await container.update({ memory: { limit: 32 * MiB }, pids: { limit: 7 } })
    const cgroup = cgroupOf(container.pid)
    assert.equal(read(cgroup, 'memory.max'), String(32 * MiB))
    assert.equal(read(cgroup, 'pids.max'), '7')
  })
})

test('classes and priorities of the network are those of the configuration, in hierarchies of version 1', async () => {
  // In a mount namespace of its own: for everybody else the machine stays one of version 2 alone.
  const script = fileURLToPath(new URL('network-classes.mjs', import.meta.url))
  const setup = 'mkdir -p /run/v1/net_cls /run/v1/net_prio; mount --make-rprivate /'
  const mounts = ['net_cls', 'net_prio'].map(name => `mount -t cgroup -o ${name} none /run/v1/${name}`)
  const { status, text } = attempt(
    'unshare',
    '-m',
    'sh',
    '-ec',
    [setup, ...mounts, 'exec "$@"'].join(';'),
    'sh',
    process.execPath,
    script,
  )
  assert.equal(status, 0, text)
  assert.deepEqual(JSON.parse(text), { classid: '1048577', lo: 'lo 500' })
})

test('the container sees its own cgroup as the root of cgroup2', async () => {
  const command = 'cat /proc/self/cgroup; cat /cg/memory.max; cat /cg/cgroup.procs'
  const more = { mounts: [{ destination: '/cg', type: 'cgroup', source: 'cgroup', options: ['ro'] }] }
  const { text } = await outputOf(command, { linux: { resources: { memory: { limit: 32 * MiB } } }, more })
  assert.match(text, new RegExp(`^0::/\n${32 * MiB}\n1\n`))
})

test("the container's cgroup is that of its user if it may work with it", async () => {
  const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
  const namespaces = ['pid', 'mount', 'cgroup', 'ipc', 'uts', 'network', 'user'].map(type => ({ type }))
  const linux = { namespaces, uidMappings: mappings, gidMappings: mappings }
  const view = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['rw'] }
  const sysfs = { destination: '/sys', type: 'sysfs', source: 'sysfs' }
  await withSleeper({ linux, more: { mounts: [sysfs, view] } }, async ({ pid }) => {
    const owner = file => statSync(`${cgroupOf(pid)}/${file}`).uid
    assert.deepEqual(['.', 'cgroup.procs', 'cgroup.subtree_control'].map(owner), [100_000, 100_000, 100_000])
    assert.deepEqual(['memory.max', 'cgroup.freeze'].map(owner), [0, 0])
  })
  await withSleeper({ linux, more: { mounts: [sysfs, { ...view, options: ['ro'] }] } }, async ({ pid }) => {
    assert.equal(statSync(cgroupOf(pid)).uid, 0)
  })
})

test("exec joins the container's own cgroup, or that of its init if the kernel lets nobody join the first", async () => {
  await withSleeper({}, async container => {
    const own = cgroupOf(container.pid)
    const where = async () => {
      const process = await container.exec({
        args: ['/bin/cat', '/proc/self/cgroup'],
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const chunks = await process.stdout.toArray()
      await process.wait()
      return Buffer.concat(chunks).toString()
    }
    mkdirSync(`${own}/inner`)
    writeFileSync(`${own}/inner/cgroup.procs`, String(container.pid))
    assert.equal(await where(), '0::/\n')
    writeFileSync(`${own}/cgroup.subtree_control`, '+memory')
    assert.equal(await where(), '0::/inner\n')
  })
})
