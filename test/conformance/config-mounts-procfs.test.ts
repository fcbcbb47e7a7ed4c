/** What the specification leaves open and what runtimes were broken by: mounts on /proc, and roots that lead there. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { isTsrunError } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, invalid, mountAt } from './attempt.js'
import { type MountInput, mounting, tmpfs } from './mounting.js'

const skip = { skip: missing('root', 'busybox') }

const bind = (source: string, destination: string, ...options: string[]): MountInput => ({
  destination,
  source,
  options: ['bind', ...options],
})

const procfsViolation = {
  name: 'SafetyError',
  code: 'ERR_SAFETY_PROCFS',
  configPath: '/mounts/4',
  message: /^\/mounts\/4: a proc file system must be there, and nothing may cover a part of one: /,
}

t.test('tsrun#mounts-on-proc: a file that tells of the host may be covered by another', skip, async t => {
  const { sh, directory } = makeBundle(t)
  writeFileSync(`${directory}/fake`, 'of the container\n')
  const { stdout, stderr } = await sh(
    'cat /proc/cpuinfo /proc/uptime /proc/sys/kernel/ns_last_pid',
    mounting(
      bind(`${directory}/fake`, '/proc/cpuinfo', 'ro'),
      bind(`${directory}/fake`, '/proc/uptime'),
      bind(`${directory}/fake`, '/proc/sys/kernel/ns_last_pid'),
    ),
  )
  t.equal(stderr, '')
  t.equal(stdout, 'of the container\n'.repeat(3))
})

t.test('tsrun#mounts-on-proc: a procfs may be bound on /proc, or mounted there twice', skip, async t => {
  const { sh } = makeBundle(t)
  const host = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
  const run = await sh('cat /proc/sys/kernel/random/boot_id; cat /proc/self/mountinfo', config => {
    config.mounts[0] = { destination: '/proc', source: '/proc', options: ['rbind'] }
    config.mounts.push({ destination: '/proc', type: 'proc', source: 'proc' })
    config.linux.maskedPaths = []
  })
  t.equal(run.stderr, '')
  t.ok(run.stdout.startsWith(host))
  t.equal(mountAt(run.stdout, '/proc').type, 'proc')
})

t.test('tsrun#mounts-on-proc: anything else on or below /proc is refused before anything is made', skip, async t => {
  const bundle = makeBundle(t)
  const error = await createError(
    bundle,
    mounting(tmpfs('/proc'), tmpfs('/proc/sys'), bind('/etc', 'x/../proc/self'), bind('/dev/null', '/proc/version')),
  )
  t.match(error, invalid('/mounts/4/type', '/mounts/5/destination', '/mounts/6/destination', '/mounts/7/destination'))
  t.match(String((error as Error).message), 'must be proc, or a bind of a proc file system, but is "tmpfs"')
  t.match(String((error as Error).message), /outside of \/proc, or one of \/proc\/cpuinfo, .*, but is "\/proc\/sys"/)
})

t.test('tsrun#mounts-on-proc: what is bound on /proc must be a procfs, and the whole of it', skip, async t => {
  const bundle = makeBundle(t)
  const onProc = (source: string) =>
    createError(bundle, config => {
      config.mounts.push(bind(source, '/proc'))
    })
  t.match(await onProc('/etc'), procfsViolation)
  t.match(await onProc('/proc/sys'), procfsViolation)
  t.match(await onProc('/proc/self'), procfsViolation)
})

t.test('tsrun#mounts-on-proc: a link in the image that leads a mount there is an attack', skip, async t => {
  const bundle = makeBundle(t)
  symlinkSync('/proc', `${bundle.rootfs}/data/proc`)
  symlinkSync('../proc/sys', `${bundle.rootfs}/data/sysctl`)
  symlinkSync('/proc/self/attr', `${bundle.rootfs}/data/attr`)
  symlinkSync('/proc/version', `${bundle.rootfs}/data/file`)
  const attempt = (mount: MountInput) => createError(bundle, mounting(mount))
  t.match(await attempt(tmpfs('/data/proc')), procfsViolation)
  t.match(await attempt(tmpfs('/data/sysctl')), procfsViolation)
  t.match(await attempt(tmpfs('/data/sysctl/kernel')), procfsViolation)
  t.match(await attempt(bind('/etc', '/data/attr')), procfsViolation)
  t.match(await attempt(bind('/dev/null', '/data/file')), procfsViolation)
  t.match(await attempt({ destination: '/data/file', type: 'proc', source: 'proc' }), { code: 'ERR_SAFETY_PATH' })
})

t.test('tsrun#mounts-on-proc: a link in place of /proc is an attack, whatever is mounted there', skip, async t => {
  const bundle = makeBundle(t)
  rmdirSync(`${bundle.rootfs}/proc`)
  symlinkSync('/data', `${bundle.rootfs}/proc`)
  const refused = (mount: MountInput) =>
    createError(bundle, config => {
      config.mounts[0] = mount
    })
  const attack = { name: 'SafetyError', code: 'ERR_SAFETY_PATH', configPath: '/mounts/0' }
  t.match(await refused({ destination: '/proc', type: 'proc', source: 'proc' }), attack)
  t.match(await refused(bind('/proc', '/proc')), attack)
  t.same(readdirSync(`${bundle.rootfs}/data`), [])
})

t.test('tsrun#mounts-on-proc: a device does not go there either', skip, async t => {
  const bundle = makeBundle(t)
  symlinkSync('/proc/sys', `${bundle.rootfs}/data/dev`)
  const error = await createError(bundle, config => {
    config.linux.devices = [{ path: '/data/dev/null', type: 'c', major: 1, minor: 3 }]
  })
  t.match(error, { code: 'ERR_LAUNCH_OP', configPath: '/linux/devices/0' })
})

/** Turns `flip` in the root from a directory into a link and back as fast as it can, until it is killed. */
async function flipper(t: Parameters<typeof makeBundle>[0], folder: string, target: string): Promise<ChildProcess> {
  // The container makes directories there meanwhile, so that each step may fail.
  const script = `
    const { mkdirSync, rmSync, symlinkSync, writeSync } = require('node:fs')
    const attempt = act => { try { act() } catch {} }
    const flip = '${folder}/flip'
    writeSync(1, 'at work')
    for (;;) {
      attempt(() => rmSync(flip, { recursive: true }))
      attempt(() => symlinkSync('${target}', flip))
      attempt(() => rmSync(flip, { recursive: true }))
      attempt(() => mkdirSync(flip))
    }`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const gone = new Promise(resolve => child.once('exit', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await gone
  })
  await once(child.stdout, 'data')
  return child
}

const contents = (path: string) => readdirSync(path, { recursive: true }).map(String).sort()

t.test('tsrun#mounts-in-a-changing-root: the host is never touched while links come and go', skip, async t => {
  const bundle = makeBundle(t)
  const outside = `${bundle.directory}/outside`
  mkdirSync(`${outside}/inner`, { recursive: true })
  writeFileSync(`${outside}/file`, 'of the host')
  const before = contents(outside)
  const mountsBefore = readFileSync('/proc/self/mountinfo', 'utf8')
  const folder = `${bundle.rootfs}/data`
  const up = '../'.repeat(30)
  const attacker = await flipper(t, folder, `${up}${outside}`)
  bundle.configure(config => {
    config.root = { path: 'rootfs', readonly: false }
    config.mounts.push(
      tmpfs('/data/flip/inner'),
      bind('/etc/hostname', '/data/flip/made/by/mount'),
      bind('/etc', '/data/flip'),
    )
    config.linux.devices = [{ path: '/data/flip/device', type: 'c', major: 1, minor: 3 }]
    config.process.cwd = '/data/flip/cwd'
  })
  const errors: unknown[] = []
  let made = 0
  for (const end = Date.now() + 3000; Date.now() < end || made <= 5; made++) {
    try {
      const container = await bundle.runtime.create({
        id: bundle.id(`c${made}`),
        bundle: bundle.bundle,
        stdio: 'ignore',
      })
      await container.delete({ force: true })
    } catch (error) {
      errors.push(error)
    }
  }
  t.equal(attacker.exitCode, null, 'the attacker was at work')
  t.ok(made > 5, `${made} containers, ${errors.length} refused`)
  t.same(
    errors.filter(error => !isTsrunError(error)),
    [],
    'every error is a typed one',
  )
  t.same(contents(outside), before, 'nothing was made on the host')
  t.equal(readFileSync(`${outside}/file`, 'utf8'), 'of the host')
  t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mountsBefore, 'nothing was mounted on the host')
  t.same(await bundle.runtime.list(), [])
})

t.test('tsrun#mounts-in-a-changing-root: a mount never ends up on /proc while links come and go', skip, async t => {
  const bundle = makeBundle(t)
  await flipper(t, `${bundle.rootfs}/data`, '/proc/sys')
  bundle.configure(config => {
    config.mounts.push(tmpfs('/data/flip'))
    config.process.args = ['/bin/sh', '-c', 'grep -c " /proc/sys [^-]* - tmpfs " /proc/self/mountinfo']
    config.linux.readonlyPaths = []
  })
  const seen = new Set<string>()
  for (const end = Date.now() + 2000; Date.now() < end || (!seen.has('0\n') && Date.now() < end + 60_000); ) {
    try {
      seen.add((await bundle.runtime.run({ bundle: bundle.bundle })).stdout)
    } catch (error) {
      seen.add(isTsrunError(error) ? error.code : String(error))
    }
  }
  const fine = ['0\n', 'ERR_SAFETY_PROCFS', 'ERR_SAFETY_PATH', 'ERR_LAUNCH_OP']
  t.same(
    [...seen].filter(outcome => !fine.includes(outcome)),
    [],
  )
  t.ok(seen.has('0\n'))
  unlinkSync(`${bundle.rootfs}/etc/passwd`)
})
