/** Cgroups that systemd makes. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  attempt,
  cgroupOf,
  configOf,
  disk,
  host,
  newId,
  outputOf,
  read,
  rootfs,
  statusOf,
  systemd,
  unitOf,
  withSleeper,
} from './box.mjs'
import { test } from './tap.mjs'

const MiB = 1024 * 1024
const at = path => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const FORMS = {
  'on Node': [process.execPath, at('dist/cli/tsrun.cjs')],
  'without Node': [at('native/build/standalone/tsrun')],
}
const { major, minor } = disk()

const isGone = unit => unitOf(unit, 'LoadState').LoadState === 'not-found'

test('a container is a scope that has its limits as properties, and a daemon-reload leaves them alone', async () => {
  const resources = {
    memory: { limit: 64 * MiB, swap: 64 * MiB, reservation: 16 * MiB },
    cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0' },
    pids: { limit: 20 },
    blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 4 * MiB }] },
    hugepageLimits: [{ pageSize: '2MB', limit: 8 * MiB }],
  }
  const files = {
    'memory.max': String(64 * MiB),
    'memory.swap.max': '0',
    'memory.low': String(16 * MiB),
    'cpu.max': '50000 100000',
    'cpu.weight': '59',
    'cpuset.cpus': '0',
    'pids.max': '20',
    'io.max': `${major}:${minor} rbps=${4 * MiB} wbps=max riops=max wiops=max`,
    'hugetlb.2MB.max': String(8 * MiB),
  }
  const by = systemd
  const linux = { cgroupsPath: 'vm-boxes.slice:box:limits', resources }
  await withSleeper({ by, linux }, async ({ pid }) => {
    const cgroup = cgroupOf(pid)
    assert.equal(cgroup, '/sys/fs/cgroup/vm.slice/vm-boxes.slice/box-limits.scope')
    const wanted = {
      ActiveState: 'active',
      Slice: 'vm-boxes.slice',
      Delegate: 'yes',
      MemoryMax: String(64 * MiB),
      MemorySwapMax: '0',
      MemoryLow: String(16 * MiB),
      CPUWeight: '59',
      CPUQuotaPerSecUSec: '500ms',
      AllowedCPUs: '0',
      TasksMax: '20',
    }
    assert.deepEqual({ ...unitOf('box-limits.scope', ...Object.keys(wanted)) }, wanted)
    for (const [file, value] of Object.entries(files)) assert.equal(read(cgroup, file), value, file)
    host('systemctl', 'daemon-reload')
    for (const [file, value] of Object.entries(files)) assert.equal(read(cgroup, file), value, `${file}, reloaded`)
    assert.equal(read(cgroup, 'cgroup.procs'), String(pid), 'nobody else is in it')
  })
  assert.ok(isGone('box-limits.scope'))
  assert.ok(!existsSync('/sys/fs/cgroup/vm.slice/vm-boxes.slice/box-limits.scope'))
})

test('without limits there are none, and the scope is named after the container', async () => {
  await withSleeper({ by: systemd }, async ({ id, pid }) => {
    const cgroup = cgroupOf(pid)
    assert.equal(cgroup, `/sys/fs/cgroup/system.slice/tsrun-${id}.scope`)
    assert.equal(read(cgroup, 'pids.max'), 'max')
    assert.equal(read(cgroup, 'memory.max'), 'max')
  })
})

test('the device list stays in force when systemd reloads', async () => {
  const linux = {
    devices: [{ path: '/dev/disk', type: 'b', major, minor, fileMode: 0o600 }],
    resources: { devices: [{ allow: false, access: 'rwm' }] },
  }
  await withSleeper({ by: systemd, linux }, async container => {
    const opens = async () => {
      const process = await container.exec({ args: ['/bin/head', '-c', '1', '/dev/disk'], stdio: 'ignore' })
      return (await process.wait()).exitCode
    }
    assert.equal(await opens(), 1)
    host('systemctl', 'daemon-reload')
    assert.equal(await opens(), 1)
  })
})

test('other limits are told to systemd too', async () => {
  await withSleeper({ by: systemd, linux: { resources: { memory: { limit: 64 * MiB } } } }, async container => {
    await container.update({ memory: { limit: 32 * MiB }, pids: { limit: 7 } })
    const { MemoryMax, TasksMax } = unitOf(`tsrun-${container.id}.scope`, 'MemoryMax', 'TasksMax')
    assert.deepEqual([MemoryMax, TasksMax], [String(32 * MiB), '7'])
    host('systemctl', 'daemon-reload')
    assert.equal(read(cgroupOf(container.pid), 'memory.max'), String(32 * MiB))
  })
})

test('an update that is refused beforehand has not been told to systemd, which would have killed for it', async () => {
  await withSleeper({ by: systemd }, async container => {
    const tiny = { memory: { limit: 1024, checkBeforeUpdate: true } }
    await assert.rejects(container.update(tiny), { code: 'ERR_CGROUP_OOM' })
    assert.equal((await container.state()).status, 'running')
    assert.equal(unitOf(`tsrun-${container.id}.scope`, 'MemoryMax').MemoryMax, 'infinity')
  })
})

test('an update that the kernel refuses leaves the limits as they were, with systemd too', async () => {
  await withSleeper({ by: systemd, linux: { resources: { cpu: { shares: 512 } } } }, async container => {
    const files = () => ['cpu.weight', 'cpu.idle', 'pids.max'].map(file => read(cgroupOf(container.pid), file))
    const before = files()
    const both = { cpu: { shares: 2048, idle: 1 }, unified: { 'pids.max': 'many' } }
    await assert.rejects(container.update(both), { code: 'ERR_CGROUP_WRITE' })
    assert.deepEqual(files(), before)
    assert.equal(unitOf(`tsrun-${container.id}.scope`, 'CPUWeight').CPUWeight, '59')
  })
})

test('a CPU period without a quota stays, whatever else systemd is told', async () => {
  const resources = { cpu: { period: 1_000_000 }, pids: { limit: 20 } }
  await withSleeper({ by: systemd, linux: { resources } }, async container => {
    const period = () => read(cgroupOf(container.pid), 'cpu.max')
    assert.equal(period(), 'max 1000000')
    await container.update({ pids: { limit: 30 } })
    assert.equal(period(), 'max 1000000')
  })
})

test('a scope whose cgroup is there and frozen is refused, not waited for', async () => {
  const cgroup = '/sys/fs/cgroup/system.slice/box-frozen.scope'
  mkdirSync(cgroup)
  writeFileSync(`${cgroup}/cgroup.freeze`, '1')
  const linux = { cgroupsPath: 'system.slice:box:frozen' }
  const create = systemd.create({ id: newId(), config: configOf(null, linux), rootfs, stdio: 'ignore' })
  await assert.rejects(create, { code: 'ERR_STATE_EXISTS', message: /unexpectedly frozen/ })
  assert.ok(isGone('box-frozen.scope'))
})

test('a limit of a single process does not stop the launch', async () => {
  await withSleeper({ by: systemd, linux: { resources: { pids: { limit: 1 } } } }, async ({ pid }) => {
    assert.equal(read(cgroupOf(pid), 'pids.max'), '1')
  })
})

test('a process that takes more memory than its container may is killed for that', async () => {
  const resources = { memory: { limit: 16 * MiB, swap: 16 * MiB } }
  await withSleeper({ by: systemd, linux: { resources } }, async container => {
    const greedy = await container.exec({ args: ['/bin/tail', '/dev/zero'], stdio: 'ignore' })
    assert.equal((await greedy.wait()).signal, 'SIGKILL')
    assert.match(read(cgroupOf(container.pid), 'memory.events'), /^oom_kill 1$/m)
    assert.equal((await container.state()).status, 'running', 'systemd leaves the rest alone')
  })
})

test('that memory was short is known of every container that ended so, although its scope is gone with it', async () => {
  const resources = { memory: { limit: 16 * MiB, swap: 16 * MiB } }
  const ends = []
  for (let times = 0; times < 8; times++) {
    const { signal, oomKilled } = await outputOf('exec tail /dev/zero', { by: systemd, linux: { resources } })
    ends.push({ signal, oomKilled })
  }
  assert.deepEqual(ends, Array(8).fill({ signal: 'SIGKILL', oomKilled: true }))
  assert.equal((await outputOf('exit 3', { by: systemd, linux: { resources } })).oomKilled, false)
})

test('annotations set properties of the scope', async () => {
  const annotations = {
    'org.systemd.property.TimeoutStopSec': 'uint64 7',
    'org.systemd.property.Description': "'a box'",
  }
  await withSleeper({ by: systemd, more: { annotations } }, async ({ id }) => {
    const unit = unitOf(`tsrun-${id}.scope`, 'TimeoutStopUSec', 'Description')
    assert.deepEqual({ ...unit }, { TimeoutStopUSec: '7s', Description: 'a box' })
  })
})

test('a property that systemd does not know is an error that names the annotation, and leaves nothing', async () => {
  const config = configOf(null, {}, { annotations: { 'org.systemd.property.NoSuchThing': 'true' } })
  const id = newId()
  await assert.rejects(systemd.create({ id, config, rootfs }), {
    code: 'ERR_CGROUP_WRITE',
    configPath: '/annotations/org.systemd.property.NoSuchThing',
  })
  assert.ok(isGone(`tsrun-${id}.scope`))
  await assert.rejects(systemd.get(id), { code: 'ERR_STATE_NOT_FOUND' })
})

test("a scope that is there already is somebody else's", async () => {
  const linux = { cgroupsPath: ':box:twice' }
  await withSleeper({ by: systemd, linux }, async ({ pid }) => {
    const second = systemd.create({ id: newId(), config: configOf(null, linux), rootfs })
    await assert.rejects(second, { code: 'ERR_STATE_EXISTS' })
    assert.equal(read(cgroupOf(pid), 'cgroup.procs'), String(pid), 'the first one still runs')
  })
})

test('a container is frozen and thawed', async () => {
  await withSleeper({ by: systemd }, async container => {
    await container.pause()
    assert.match(read(cgroupOf(container.pid), 'cgroup.events'), /^frozen 1$/m)
    await container.resume()
    assert.match(read(cgroupOf(container.pid), 'cgroup.events'), /^frozen 0$/m)
  })
})

function runAsScope(words) {
  const bundle = '/run/tsrun-vm-bundle'
  mkdirSync(bundle)
  try {
    const config = configOf('echo said', { cgroupsPath: 'machine.slice:box:cli' })
    writeFileSync(`${bundle}/config.json`, JSON.stringify({ ...config, root: { path: rootfs } }))
    const [program, ...before] = words
    const tsrun = (...args) => attempt(program, ...before, '--root', '/run/tsrun-vm-cli', ...args)
    assert.deepEqual(tsrun('--systemd-cgroup', 'run', '--bundle', bundle, 'box'), { status: 0, text: 'said\n' })
    writeFileSync(`${bundle}/config.json`, JSON.stringify({ ...configOf(null, config.linux), root: { path: rootfs } }))
    const create = ['--root', '/run/tsrun-vm-cli', '--systemd-cgroup', 'create', '--bundle', bundle, 'box']
    assert.equal(statusOf(program, ...before, ...create), 0)
    assert.equal(unitOf('box-cli.scope', 'Slice').Slice, 'machine.slice')
    // The record tells that it is a scope: no flag is needed from here on.
    assert.equal(tsrun('delete', '--force', 'box').status, 0)
    assert.ok(isGone('box-cli.scope'))
  } finally {
    rmSync(bundle, { recursive: true })
  }
}

for (const [form, words] of Object.entries(FORMS)) {
  const options = existsSync(words.at(-1)) ? {} : { skip: `there is no ${words.at(-1)}` }
  test(`the command ${form} has the flag --systemd-cgroup`, () => runAsScope(words), options)
}
