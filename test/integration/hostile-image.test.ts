/**
 * Images that lead away from themselves: at each place where the runtime mounts, makes or opens something, and at the directory
 * above it, the image has a link, or something else than what belongs there. A container may come of it or a typed error; the host
 * stays as it is.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { isTsrunError } from '../../lib/index.js'
import { makeBundle, type TestBundle, type TestConfig } from '../bundle.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { type Canary, makeCanary } from './canary.js'

interface Place {
  readonly path: string
  readonly ask: (config: TestConfig, directory: string) => void
}

const mount = (path: string, type: string, ...options: string[]): Place => ({
  path,
  ask: config => config.mounts.push({ destination: path, type, source: type, options }),
})

/** Where one is mounted already. */
const own = (path: string): Place => ({ path, ask: () => {} })

const bind = (path: string, source: string): Place => ({
  path,
  ask: (config, directory) =>
    config.mounts.push({ destination: path, source: join(directory, source), options: ['bind'] }),
})

const PLACES: Readonly<Record<string, Place>> = {
  'a tmpfs': mount('/at/tmpfs', 'tmpfs'),
  'a tmpfs that is filled': mount('/at/filled', 'tmpfs', 'tmpcopyup'),
  'a directory that is bound': bind('/at/bound', 'source'),
  'a file that is bound': bind('/at/file', 'source/file'),
  mqueue: mount('/at/mqueue', 'mqueue'),
  sysfs: mount('/sys', 'sysfs', 'ro'),
  cgroup: mount('/at/cgroup', 'cgroup', 'ro'),
  proc: own('/proc'),
  dev: own('/dev'),
  devpts: {
    path: '/dev/pts',
    ask: config => {
      config.mounts = config.mounts.filter(({ destination }) => destination !== '/dev')
    },
  },
  'a device': {
    path: '/at/device',
    ask: config => {
      config.linux.devices = [{ path: '/at/device', type: 'c', major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 }]
    },
  },
  'a masked path': {
    path: '/at/masked',
    ask: config => {
      config.linux.maskedPaths = ['/at/masked']
    },
  },
  'a read-only path': {
    path: '/at/readonly',
    ask: config => {
      config.linux.readonlyPaths = ['/at/readonly']
    },
  },
  'the working directory': {
    path: '/at/cwd',
    ask: config => {
      config.process.cwd = '/at/cwd'
    },
  },
  'a standard device, without a mount on /dev': {
    path: '/dev/null',
    ask: config => {
      config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'))
    },
  },
  'a standard link, without a mount on /dev': {
    path: '/dev/fd',
    ask: config => {
      config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'))
    },
  },
}

const UP = '../'.repeat(24)

/** What the image has at a place of the root. */
const PLANTS: Readonly<Record<string, (path: string, canary: string) => void>> = {
  'an absolute link': (path, canary) => symlinkSync(canary, path),
  'a relative link': (path, canary) => symlinkSync(`${UP}${canary.slice(1)}`, path),
  'a link through the root of the runtime': (path, canary) => symlinkSync(`/proc/self/root${canary}`, path),
  'a link through the root of the first process': (path, canary) => symlinkSync(`/proc/1/root${canary}`, path),
  'a link through the working directory of the runtime': (path, canary) =>
    symlinkSync(`/proc/self/cwd/${UP}${canary.slice(1)}`, path),
  'a link to a descriptor': path => symlinkSync('/proc/self/fd/4', path),
  'a link to what is not there': (path, canary) => symlinkSync(`${UP}${canary.slice(1)}/new`, path),
  'a link to itself': path => symlinkSync(path.slice(path.lastIndexOf('/') + 1), path),
  'a fifo': path => execFileSync('mkfifo', [path]),
  'a file': path => writeFileSync(path, ''),
  'a directory': path => mkdirSync(path),
}

/** Puts the plant there in place of whatever there is, and makes the directories above. */
function plant({ rootfs }: TestBundle, path: string, put: (at: string) => void): void {
  const at = join(rootfs, path)
  rmSync(at, { recursive: true, force: true })
  mkdirSync(dirname(at), { recursive: true })
  put(at)
}

/** Runs a program that writes to all of the place; the code of the error, or how it ended. */
async function attack(box: TestBundle, { path, ask }: Place): Promise<string> {
  // A fifo would keep it.
  const write = `for name in ${path} ${path}/file; do [ -p $name ] || echo written > $name; done`
  const script = `touch ${path}/new ${path}/sub/new; ${write}; mkdir ${path}/made`
  box.configure(config => {
    config.root = { path: 'rootfs' }
    config.process.args = ['/bin/sh', '-c', `(${script}) 2> /tmp/errors; exit 0`]
    ask(config, box.directory)
  })
  try {
    const { exitCode, timedOut } = await box.runtime.run({ bundle: box.bundle, timeout: 30_000 })
    return timedOut ? 'timed out' : `exit ${exitCode}`
  } catch (error) {
    if (!isTsrunError(error)) throw error
    return error.code
  }
}

const EXPECTED = /^(?:exit 0|ERR_LAUNCH_OP|ERR_LAUNCH_EXEC|ERR_SAFETY_PATH|ERR_SAFETY_PROCFS|ERR_SAFETY_CWD)$/

const skip = { skip: missing('root', 'busybox'), timeout: 300_000 }

/** All of them take a minute: a third for every change, another one with another seed, and all of them each night. */
const chosen = <T>(list: readonly T[], offset: number): readonly T[] =>
  effort.times > 1 ? list : list.filter((_, index) => (index + offset + effort.seed) % 3 === 0)

for (const [number, [what, place]] of Object.entries(PLACES).entries()) {
  t.test(`an image with something else at the place of ${what} changes nothing on the host`, skip, async t => {
    const box = makeBundle(t)
    mkdirSync(join(box.directory, 'source'))
    writeFileSync(join(box.directory, 'source/file'), '')
    const canary: Canary = makeCanary(box.directory)
    const above = dirname(place.path)
    const attacks = Object.entries(PLANTS).flatMap(([kind, put]) =>
      (above === '/' ? [place.path] : [place.path, above]).map(at => ({ kind, put, at })),
    )
    for (const { kind, put, at } of chosen(attacks, number)) {
      rmSync(join(box.rootfs, 'at'), { recursive: true, force: true })
      rmSync(join(box.rootfs, 'dev'), { recursive: true, force: true })
      mkdirSync(join(box.rootfs, 'dev'))
      plant(box, at, path => put(path, canary.path))
      const answer = await attack(box, place)
      t.match(answer, EXPECTED, `${kind} at ${at}: ${answer}`)
      t.same(canary.differences(), [], `${kind} at ${at}: the host is as it was`)
    }
  })
}
