import { chownSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines, mountAt, namespaceOf } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

const FIRST = 100000
const MAPPING = [{ containerID: 0, hostID: FIRST, size: 65536 }]

const mapped = (config: TestConfig): void => {
  config.linux.namespaces?.push({ type: 'user' })
  config.linux.uidMappings = MAPPING
  config.linux.gidMappings = MAPPING
}

/** A bundle whose root file system belongs to the mapped root. */
function mappedBundle(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  for (const path of ['', 'dev', 'data', 'etc', 'tmp']) chownSync(`${bundle.rootfs}/${path}`, FIRST, FIRST)
  return bundle
}

t.test('config-linux.md#user-namespace-mappings: root in the container is the mapped id on the host', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, mapped)
  await container.start()
  const status = readFileSync(`/proc/${container.pid}/status`, 'utf8')
  t.match(status, `Uid:\t${FIRST}\t${FIRST}\t${FIRST}\t${FIRST}`)
  t.match(status, `Gid:\t${FIRST}\t${FIRST}\t${FIRST}\t${FIRST}`)
  const { stdout } = await makeBundle(t).sh('id -u; id -g; cat /proc/self/setgroups', mapped)
  t.equal(stdout, '0\n0\nallow\n')
})

t.test('config-linux.md#user-namespace-mappings: the maps are as listed', skip, async t => {
  const { stdout } = await makeBundle(t).sh('cat /proc/self/uid_map; cat /proc/self/gid_map', config => {
    mapped(config)
    config.linux.uidMappings = [
      { containerID: 0, hostID: 0, size: 1 },
      { containerID: 1, hostID: 200000, size: 10 },
      { containerID: 1000, hostID: 1000, size: 1 },
    ]
    config.linux.gidMappings = [{ containerID: 0, hostID: 300000, size: 42 }]
  })
  t.strictSame(
    lines(stdout).map(line => line.trim().split(/ +/).map(Number)),
    [
      [0, 0, 1],
      [1, 200000, 10],
      [1000, 1000, 1],
      [0, 300000, 42],
    ],
  )
})

t.test('config-linux.md#user-namespace-mappings: files belong to whom the mapping says', skip, async t => {
  const { rootfs, sh } = mappedBundle(t)
  writeFileSync(`${rootfs}/etc/mapped`, '')
  writeFileSync(`${rootfs}/etc/unmapped`, '')
  chownSync(`${rootfs}/etc/mapped`, FIRST + 7, FIRST + 8)
  const { stdout } = await sh('stat -c %u:%g /etc/mapped /etc/unmapped; touch /data/new; echo $?', config => {
    mapped(config)
    config.root = { path: 'rootfs' }
    config.process.user = { uid: 0, gid: 0 }
  })
  t.equal(stdout, '7:8\n65534:65534\n0\n')
  t.match(statSync(`${rootfs}/data/new`), { uid: FIRST, gid: FIRST })
})

t.test('config-linux.md#user-namespace-mappings: the runtime changes no ownership in the root', skip, async t => {
  const { rootfs, sh } = makeBundle(t)
  const paths = ['', '/bin/busybox', '/etc/passwd', '/data']
  t.match(await sh('true', mapped), { exitCode: 0 })
  for (const path of paths) t.match(lstatSync(`${rootfs}${path}`), { uid: 0, gid: 0 }, path)
})

t.test('config-linux.md#user-namespace-mappings: a user other than root, with groups', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => {
    mapped(config)
    config.process.user = { uid: 1000, gid: 1001, additionalGids: [5, 1002] }
  })
  const status = readFileSync(`/proc/${container.pid}/status`, 'utf8')
  t.match(status, `Uid:\t${FIRST + 1000}\t`)
  t.match(status, `Gid:\t${FIRST + 1001}\t`)
  t.match(status, `Groups:\t${FIRST + 5} ${FIRST + 1002}`)
})

t.test('config-linux.md#default-devices: in a user namespace they are those of the host, bound', skip, async t => {
  const { stdout } = await makeBundle(t).sh(
    `cd /dev; stat -c '%n %t:%T %a' null zero full random urandom tty
     echo x > null && head -c 3 zero | wc -c; echo x > full || echo full; cat /proc/self/mountinfo`,
    mapped,
  )
  const [devices, mounts] = stdout.split('3\nfull\n')
  t.strictSame(lines(devices ?? ''), [
    'null 1:3 666',
    'zero 1:5 666',
    'full 1:7 666',
    'random 1:8 666',
    'urandom 1:9 666',
    'tty 5:0 666',
  ])
  t.equal(mountAt(mounts ?? '', '/dev/null').root, '/null')
})

t.test('config-linux.md#devices: in a user namespace they are bound too', skip, async t => {
  const { stdout } = await mappedBundle(t).sh(`stat -c '%F %t:%T' /dev/fuse /dev/pipe`, config => {
    mapped(config)
    config.linux.devices = [
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229 },
      { path: '/dev/pipe', type: 'p' },
    ]
  })
  t.match(lines(stdout), ['character special file a:e5', /^fifo/])
})

t.test(
  'config-linux.md#devices: in a user namespace a device that is another one on the host is an error',
  skip,
  async t => {
    const error = await createError(makeBundle(t), config => {
      mapped(config)
      config.linux.devices = [{ path: '/dev/full', type: 'c', major: 1, minor: 5 }]
    })
    t.match(error, { configPath: '/linux/devices/0' })
  },
)

t.test('config.md#mounts: proc, sysfs, mqueue, tmpfs and devpts can be mounted by a mapped root', skip, async t => {
  const { stdout, stderr } = await makeBundle(t).sh(
    'cat /proc/self/mountinfo; cat /sys/class/net/lo/mtu; ls -d /dev/mqueue /dev/shm; tty',
    config => {
      mapped(config)
      config.mounts.push(
        { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
        { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'mode=1777', 'size=64k'] },
      )
    },
  )
  t.equal(stderr, '')
  t.match(stdout, /65536\n\/dev\/mqueue\n\/dev\/shm\n/)
  for (const [path, type] of Object.entries({ '/proc': 'proc', '/sys': 'sysfs', '/dev/pts': 'devpts' })) {
    t.equal(mountAt(stdout, path).type, type)
  }
  t.ok(mountAt(stdout, '/sys').options.includes('ro'))
})

t.test('config-linux.md#user-namespace-mappings: the message queues belong to the mapped root', skip, async t => {
  const queues = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid'] }
  const show = 'stat -c "%u:%g %a" /dev/mqueue; busybox chmod 700 /dev/mqueue && echo changed'
  const made = await makeBundle(t).sh(show, config => {
    mapped(config)
    config.mounts.push(queues)
  })
  t.equal(made.stdout, '0:0 1777\nchanged\n')
  const host = await createSleeper(makeBundle(t), mapped)
  const joined = await makeBundle(t).sh(show, config => {
    config.linux.namespaces?.push({ type: 'user', path: `/proc/${host.pid}/ns/user` })
    config.mounts.push(queues)
  })
  t.equal(joined.stdout, '0:0 1777\nchanged\n')
})

t.test('config.md#mounts: a bind of the host keeps the flags that are locked in a user namespace', skip, async t => {
  const { directory, sh } = mappedBundle(t)
  mkdirSync(`${directory}/source`)
  const { stdout } = await sh('cat /proc/self/mountinfo', config => {
    mapped(config)
    config.mounts.push(
      { destination: '/data', source: '/sys/kernel', options: ['bind', 'ro'] },
      { destination: '/tmp', source: `${directory}/source`, options: ['rbind', 'nosuid', 'nodev'] },
    )
  })
  t.ok(mountAt(stdout, '/data').options.includes('ro'))
  t.match(mountAt(stdout, '/tmp').options, ['rw', 'nosuid', 'nodev'])
})

t.test('config-linux.md#masked-paths: and read-only paths hold in a user namespace', skip, async t => {
  const { stdout } = await makeBundle(t).sh(
    'cat /proc/kcore | wc -c; echo 1 > /proc/sys/kernel/shmmax || echo refused; ls /etc | wc -l',
    config => {
      mapped(config)
      config.linux.maskedPaths = ['/proc/kcore', '/etc']
    },
  )
  t.equal(stdout, '0\nrefused\n0\n')
})

t.test('config.md#process: a terminal in a user namespace', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    mapped(config)
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', 'tty; stat -c "%u %a" $(tty); echo hello > /dev/console']
  })
  const { stdout, exitCode } = await runtime.run({ bundle })
  t.equal(exitCode, 0)
  t.match(stdout, /\/dev\/(?:console|pts\/0)\r\n0 620\r\nhello\r\n/)
})

t.test('config-linux.md#namespaces: an existing user namespace is joined, with its mappings', skip, async t => {
  const host = await createSleeper(makeBundle(t), mapped)
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => {
    config.linux.namespaces?.push({ type: 'user', path: `/proc/${host.pid}/ns/user` })
    config.process.user = { uid: 3, gid: 4 }
  })
  t.equal(namespaceOf(container.pid, 'user'), namespaceOf(host.pid, 'user'))
  t.match(readFileSync(`/proc/${container.pid}/status`, 'utf8'), `Uid:\t${FIRST + 3}\t`)
  t.match(readFileSync(`/proc/${container.pid}/uid_map`, 'utf8'), /0 +100000 +65536/)
  await container.start()
  t.equal((await container.state()).status, 'running')
})

t.test('config-linux.md#user-namespace-mappings: capabilities count in the new namespace', skip, async t => {
  const { stdout } = await makeBundle(t).sh('grep Cap /proc/self/status; hostname other && hostname', config => {
    mapped(config)
    const sets = ['CAP_SYS_ADMIN', 'CAP_SYS_RESOURCE']
    config.process.capabilities = { bounding: sets, effective: sets, permitted: sets }
  })
  t.match(stdout, /CapPrm:\t0000000001200000\nCapEff:\t0000000001200000\nCapBnd:\t0000000001200000/)
  t.match(stdout, /^other$/m)
})

t.test('config-linux.md#user-namespace-mappings: mappings without a user namespace are an error', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.linux.uidMappings = MAPPING
    config.linux.gidMappings = MAPPING
  })
  t.match(error, invalid('/linux/uidMappings', '/linux/gidMappings'))
})

t.test('config-linux.md#user-namespace-mappings: a new user namespace without mappings is an error', skip, async t => {
  const error = await createError(makeBundle(t), config => config.linux.namespaces?.push({ type: 'user' }))
  t.match(error, invalid('/linux/uidMappings', '/linux/gidMappings'))
})

t.test('config-linux.md#user-namespace-mappings: ranges that overlap, or go too far, are errors', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    mapped(config)
    config.linux.uidMappings = [...MAPPING, { containerID: 65535, hostID: 0, size: 1 }]
    config.linux.gidMappings = [...MAPPING, { containerID: 70000, hostID: 4294967290, size: 6 }]
  })
  t.match(error, invalid('/linux/uidMappings/1/containerID', '/linux/gidMappings/1/hostID'))
})

t.test('config.md#user: ids that are not mapped are errors', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    mapped(config)
    config.process.user = { uid: 65536, gid: 70000, additionalGids: [1, 65536] }
  })
  t.match(error, invalid('/process/user/uid', '/process/user/gid', '/process/user/additionalGids/1'))
})

t.test(
  'config-linux.md#user-namespace-mappings: an id that the namespace lacks is an error if it is joined',
  skip,
  async t => {
    const host = await createSleeper(makeBundle(t), mapped)
    const error = await createError(makeBundle(t), config => {
      config.linux.namespaces?.push({ type: 'user', path: `/proc/${host.pid}/ns/user` })
      config.process.user = { uid: 70000, gid: 0 }
    })
    t.match(error, { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/process/user/uid', errno: 'EINVAL' })
  },
)
