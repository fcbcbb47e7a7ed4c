/** Bundles for tests: a busybox root file system, a configuration, a runtime on a state directory of its own. */
import {
  chmodSync,
  copyFileSync,
  type Dirent,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createRuntime, type LogEntry, type OciConfig, type Runtime } from '../lib/index.js'

const APPLETS =
  'sh echo true false sleep cat ls id mount ps hostname env grep kill touch mkdir stat readlink yes head stty tty wc dd sed tr test mknod umount ln rm sync nproc ip trap setsid seq'.split(
    ' ',
  )
const DIRECTORIES = ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'root', 'data']

/** A root file system with busybox. */
export function makeRootfs(path: string): void {
  for (const name of DIRECTORIES) mkdirSync(join(path, name), { recursive: true })
  chmodSync(path, 0o755)
  copyFileSync('/bin/busybox', join(path, 'bin/busybox'))
  for (const name of APPLETS) symlinkSync('busybox', join(path, 'bin', name))
  writeFileSync(join(path, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n')
}

type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T
/** The configuration as tests change it: nothing readonly, and what `baseConfig` sets is there. */
export type TestConfig = Mutable<OciConfig> & {
  process: NonNullable<Mutable<OciConfig>['process']>
  mounts: NonNullable<Mutable<OciConfig>['mounts']>
  linux: NonNullable<Mutable<OciConfig>['linux']>
}

const CAPABILITIES = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID', 'CAP_SETGID', 'CAP_NET_BIND_SERVICE']

export function baseConfig(): TestConfig {
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs', readonly: true },
    process: {
      cwd: '/',
      args: ['/bin/true'],
      env: ['PATH=/bin', 'TERM=xterm'],
      noNewPrivileges: true,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
    },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] },
    ],
    linux: {
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }],
      maskedPaths: ['/proc/kcore', '/proc/keys'],
      readonlyPaths: ['/proc/sys'],
    },
  }
}

export interface TestBundle {
  /** Everything of the test, removed at its end. */
  readonly directory: string
  readonly bundle: string
  readonly rootfs: string
  readonly runtime: Runtime
  readonly log: LogEntry[]
  /** Writes config.json, changed by `change`. */
  configure(change: (config: TestConfig) => void): void
  /** Writes config.json with this command, and runs it. */
  sh(command: string, change?: (config: TestConfig) => void): ReturnType<Runtime['run']>
  /** An id that no other test has. */
  id(name?: string): string
}

let count = 0

/** A bundle, with everything that the test makes with it removed when the test ends, and checked to be gone. */
export function makeBundle(t: Test): TestBundle {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-test-'))
  const bundle = join(directory, 'bundle')
  const rootfs = join(bundle, 'rootfs')
  mkdirSync(bundle)
  makeRootfs(rootfs)
  const log: LogEntry[] = []
  const runtime = createRuntime({ root: join(directory, 'state'), log: entry => log.push(entry) })
  const prefix = `tsrun-test-${process.pid}-${count++}`
  const configure = (change: (config: TestConfig) => void): void => {
    const config = baseConfig()
    config.linux.cgroupsPath = `/${prefix}`
    change(config)
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
  }
  configure(() => {})
  t.teardown(async () => {
    for (const container of await runtime.list()) await container.delete({ force: true })
    rmSync(directory, { recursive: true, force: true })
    const left = leftovers(prefix)
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
  })
  const sh = (command: string, change: (config: TestConfig) => void = () => {}) => {
    configure(config => {
      config.process.args = ['/bin/sh', '-c', command]
      change(config)
    })
    return runtime.run({ bundle })
  }
  return { directory, bundle, rootfs, runtime, log, configure, sh, id: (name = 'c') => `${prefix}-${name}` }
}

/** Cgroups and mounts whose name has the prefix. */
export function leftovers(prefix: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return [...mounts.filter(line => line.includes(prefix)), ...cgroupsWith('/sys/fs/cgroup', prefix, 2)]
}

function cgroupsWith(path: string, prefix: string, depth: number): string[] {
  const entries = directoriesIn(path)
  const found = entries.filter(({ name }) => name.includes(prefix)).map(({ name }) => join(path, name))
  return depth === 0
    ? found
    : [...found, ...entries.flatMap(({ name }) => cgroupsWith(join(path, name), prefix, depth - 1))]
}

/** None where it is gone: other tests remove theirs meanwhile. */
function directoriesIn(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter(entry => entry.isDirectory())
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
