/** Containers for tests: a busybox root file system and a configuration. */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime } from '../../dist/index.js'

const APPLETS = ['sh', 'sleep', 'cat', 'head', 'tail', 'dd', 'ip', 'ping', 'true', 'test', 'echo', 'timeout']

const directory = mkdtempSync('/run/tsrun-vm-')
export const rootfs = join(directory, 'rootfs')
for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true })
copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
for (const name of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', name))

export const log = []
const options = { root: join(directory, 'state'), log: ({ message }) => log.push(message) }
export const runtime = createRuntime(options)
export const systemd = createRuntime({ ...options, cgroupManager: 'systemd' })

/** A configuration that runs `command` with these parts of `linux`, or a sleeper where the command is null. */
export function configOf(command, linux = {}, more = {}) {
  const args = command === null ? ['/bin/sleep', '1000'] : ['/bin/sh', '-c', command]
  const namespaces = ['pid', 'mount', 'cgroup', 'ipc', 'uts', 'network'].map(type => ({ type }))
  return {
    ociVersion: '1.2.0',
    root: { path: 'rootfs' },
    process: { cwd: '/', args, env: ['PATH=/bin'], ...more.process },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
      ...(more.mounts ?? []),
    ],
    linux: { namespaces, ...linux },
    ...(more.annotations && { annotations: more.annotations }),
  }
}

let count = 0
export const newId = () => `box-${++count}`

/** Runs `use` with a started container that sleeps, and removes that. */
export async function withSleeper({ by = runtime, linux = {}, more = {} }, use) {
  const id = newId()
  const container = await by.create({ id, config: configOf(null, linux, more), rootfs, stdio: 'ignore' })
  try {
    await container.start()
    return await use(container)
  } finally {
    await container.delete({ force: true })
  }
}

/** What a command prints in a container, and how that ended. */
export async function outputOf(command, { by = runtime, linux = {}, more = {} } = {}) {
  const config = configOf(command, linux, more)
  const container = await by.create({ id: newId(), config, rootfs, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  try {
    for (const stream of [container.stdout, container.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', chunk => {
        text += chunk
      })
    }
    await container.start()
    const result = await container.wait()
    await new Promise(resolve => setTimeout(resolve, 100))
    return { ...result, text }
  } finally {
    await container.delete({ force: true })
  }
}

/** The directory of a process's cgroup. */
export function cgroupOf(pid) {
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
  return `/sys/fs/cgroup${path}`
}

/** The text of a file of a cgroup; null where there is none. */
export function read(cgroup, file) {
  const path = join(cgroup, file)
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}

/** What a command of the host prints. */
export const host = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' }).trim()

/** As `host`, with the status, and without an error. */
export function attempt(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

/** The exit status of a command that may leave processes behind, which would keep a pipe open. */
export const statusOf = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status

/** Properties of a unit, as systemd tells them. */
export function unitOf(name, ...properties) {
  const lines = host('systemctl', 'show', name, ...properties.map(property => `--property=${property}`)).split('\n')
  return Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

/** The root file system's block device, as the kernel numbers it. */
export function disk() {
  const [major, minor] = host('lsblk', '--noheadings', '--nodeps', '--output', 'MAJ:MIN')
    .split('\n')[0]
    .trim()
    .split(':')
  return { major: Number(major), minor: Number(minor) }
}

const USER = 'tester'
export const userId = Number(host('id', '-u', USER))

/** Runs a command as a user without privileges, whose manager has been started. */
export function asUser(...args) {
  const directory = `/run/user/${userId}`
  if (!existsSync(`${directory}/bus`)) awaitBus(`${directory}/bus`)
  return attempt('runuser', '-u', USER, '--', 'env', `XDG_RUNTIME_DIR=${directory}`, ...args)
}

function awaitBus(bus) {
  host('loginctl', 'enable-linger', USER)
  for (let tries = 0; !existsSync(bus) && tries < 300; tries++) host('sleep', '0.2')
}
