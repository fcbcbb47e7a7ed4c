/** Run as a user without privileges: runs containers, and prints what came of each as JSON. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRuntime, exampleConfig } from '../../dist/index.js'

const [uid, gid] = [process.getuid(), process.getgid()]
const directory = mkdtempSync(join(tmpdir(), 'tsrun-user-'))
const rootfs = join(directory, 'rootfs')
for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp', 'data', 'etc'])
  mkdirSync(join(rootfs, name), { recursive: true })
copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
for (const name of ['sh', 'id', 'cat', 'sleep', 'mkdir', 'touch', 'test'])
  symlinkSync('busybox', join(rootfs, 'bin', name))

const log = []
const runtime = createRuntime({ log: ({ message }) => log.push(message) })
const alone = { containerID: 0, hostID: uid, size: 1 }
/** The range that the host grants to the user. */
const granted = { containerID: 1, hostID: 100_000, size: 65_536 }

/** `change` gets a configuration of a user that maps itself alone. */
function configOf(command, change = () => {}) {
  const config = exampleConfig({
    args: ['/bin/sh', '-c', command],
    terminal: false,
    rootless: { uid, gid },
    seccomp: false,
  })
  config.process.env = ['PATH=/bin']
  change(config)
  return config
}

const map =
  (...mappings) =>
  config =>
    Object.assign(config.linux, { uidMappings: mappings, gidMappings: mappings })
const limited = config =>
  Object.assign(config.linux, { resources: { memory: { limit: 67_108_864 }, pids: { limit: 9 } } })

/** The view of its own cgroup that a container may write to. */
function delegated(config) {
  config.linux.namespaces = [...config.linux.namespaces.filter(({ type }) => type !== 'cgroup'), { type: 'cgroup' }]
  const others = config.mounts.filter(({ destination }) => destination !== '/sys/fs/cgroup')
  config.mounts = [...others, { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['rw'] }]
}

/** What a container prints, and what was logged about it; or the error. */
async function said(command, ...changes) {
  log.length = 0
  const config = configOf(command, config => {
    for (const change of changes) change(config)
  })
  try {
    const { stdout, stderr, exitCode } = await runtime.run({ config, rootfs })
    return { stdout, stderr, exitCode, log: [...log] }
  } catch (error) {
    return { error: error.toJSON?.() ?? String(error.stack) }
  }
}

const idle = change => {
  const config = configOf('exec sleep 1000', change)
  return runtime.create({ id: `box-${log.length}-${Math.floor(performance.now())}`, config, rootfs, stdio: 'ignore' })
}

const namespaceOf = (pid, type) => readlinkSync(`/proc/${pid}/ns/${type}`)

/** Which namespaces a second container shares with a first one, whose namespaces it names. */
async function joined() {
  const types = { user: 'user', network: 'net', ipc: 'ipc', uts: 'uts' }
  const first = await idle(config => config.linux.namespaces.push({ type: 'network' }))
  try {
    const second = await idle(config => {
      const rest = config.linux.namespaces.filter(({ type }) => !(type in types))
      const paths = Object.entries(types).map(([type, file]) => ({ type, path: `/proc/${first.pid}/ns/${file}` }))
      config.linux.namespaces = [...rest, ...paths]
      delete config.linux.uidMappings
      delete config.linux.gidMappings
      delete config.hostname
    })
    // Before it has exec'd its program, only root may look at a process that has joined.
    await second.start()
    const shared = ['user', 'net', 'ipc', 'uts', 'mnt', 'pid'].filter(
      type => namespaceOf(first.pid, type) === namespaceOf(second.pid, type),
    )
    await second.delete({ force: true })
    return shared
  } catch (error) {
    return { error: error.toJSON?.() ?? String(error.stack) }
  } finally {
    await first.delete({ force: true })
  }
}

/** Where a container is that the manager of the user makes a scope for, and what it may. */
async function inScope() {
  const bySystemd = createRuntime({ cgroupManager: 'systemd', root: runtime.root })
  const id = 'in-scope'
  const container = await bySystemd.create({
    id,
    config: configOf('exec sleep 1000', limited),
    rootfs,
    stdio: 'ignore',
  })
  const { pid } = container
  const path = cgroupOf(pid)
  const read = file => readFileSync(`/sys/fs/cgroup${path}/${file}`, 'utf8').trim()
  const found = { path, memory: read('memory.max'), pids: read('pids.max') }
  await container.start()
  await container.pause()
  const { status } = await container.state()
  await container.resume()
  await container.delete({ force: true })
  return { ...found, status, isGone: !existsSync(`/sys/fs/cgroup${path}`) }
}

const cgroupOf = pid => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))[1]

/** Whose the cgroup of a container is. */
async function ownerOf(change) {
  const container = await idle(change)
  const path = cgroupOf(container.pid)
  const { uid } = statSync(`/sys/fs/cgroup${path}`)
  await container.delete({ force: true })
  return {
    uid,
    isGone: !existsSync(`/sys/fs/cgroup${path}`),
    log: log.filter(message => message.startsWith('the cgroup stays')),
  }
}

const secret = join(directory, 'secret')
writeFileSync(secret, 'the file of the user\n')
const bind = config => {
  config.mounts = [
    ...config.mounts,
    { destination: '/data', type: 'none', source: directory, options: ['rbind', 'ro'] },
  ]
}
const ofRoot = config => {
  config.mounts = [
    ...config.mounts,
    { destination: '/data', type: 'none', source: '/var/cache/ldconfig/aux-cache', options: ['rbind'] },
  ]
}

const scenarios = {
  alone: () => said('id -u; id -g; cat /proc/self/uid_map /proc/self/setgroups'),
  many: () =>
    said('id -u; id -G; cat /proc/self/uid_map', map(alone, granted), config => {
      config.process.user = { uid: 7, gid: 7, additionalGids: [5] }
    }),
  notGranted: () => said('id', map(alone, { ...granted, hostID: 300_000 })),
  limits: () => said('cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max', limited, delegated),
  noLimits: () => said('true'),
  below: () => said('cd /sys/fs/cgroup && mkdir sub && echo 0 > sub/cgroup.procs && cat /proc/self/cgroup', delegated),
  owner: () => ownerOf(delegated),
  otherOwner: () =>
    ownerOf(config => {
      map(alone, granted)(config)
      delegated(config)
      config.process.user = { uid: 7, gid: 7 }
    }),
  state: async () => {
    const container = await idle(() => {})
    const found = existsSync(join(process.env.XDG_RUNTIME_DIR ?? '', 'tsrun', container.id))
    await container.delete({ force: true })
    return { root: runtime.root, found }
  },
  bind: () => said('cat /data/secret; touch /data/new || echo refused', bind),
  ofRoot: () => said('true', ofRoot),
  joined,
  inScope,
}

const results = {}
for (const name of process.argv.slice(2)) results[name] = await scenarios[name]()
rmSync(directory, { recursive: true, force: true })
console.log(JSON.stringify(results))
