/** What a mount of the host forbids, in a container with a user namespace; and tsrun itself in one. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, mountAt } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

const mapped = (config: TestConfig): void => {
  config.linux.namespaces?.push({ type: 'user' })
  config.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
  config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
}

/** A bundle and a mount of the host that forbids everything, with another one in it that does not. */
function bundleWithLocked(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  const source = `${bundle.directory}/sour ce`
  mkdirSync(source)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tsrun', source])
  t.teardown(() => execFileSync('umount', ['-R', source]))
  mkdirSync(`${source}/below`)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec', 'tsrun', `${source}/below`])
  execFileSync('mount', ['-o', 'remount,bind,ro,nosuid,nodev,noexec', source])
  const bind = (...options: string[]) => ({ destination: '/data', source, options })
  return { ...bundle, source, bind }
}

t.test('config.md#linux-mount-options: what the mount of the host forbids stays forbidden', skip, async t => {
  const { sh, bind } = bundleWithLocked(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', config => {
    mapped(config)
    config.mounts.push(bind('rbind', 'nosymfollow'))
  })
  t.same(mountAt(stdout, '/data').options.slice(0, 4), ['ro', 'nosuid', 'nodev', 'noexec'])
  t.ok(mountAt(stdout, '/data/below').options.includes('noexec'))
})

t.test(
  'config.md#linux-mount-options: taking that away in a user namespace is an error that says so',
  skip,
  async t => {
    const bundle = bundleWithLocked(t)
    const attempt = (...options: string[]) =>
      createError(bundle, config => {
        mapped(config)
        config.mounts.push(bundle.bind(...options))
      })
    const fault = { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/mounts/4/options', errno: 'EPERM' }
    const said = (names: string, place = bundle.source) =>
      `/mounts/4/options: ${names} of the host's mount ${place} can't be taken away in a user namespace`
    t.match(await attempt('bind', 'rw'), { ...fault, message: said('ro') })
    t.match(await attempt('bind', 'suid', 'dev'), { ...fault, message: said('nosuid, nodev') })
    t.match(await attempt('rbind', 'rexec'), { ...fault, message: said('noexec') })
    t.match(await attempt('bind', 'rrw'), { ...fault, message: said('ro') })
    execFileSync('mount', ['-o', 'remount,bind,exec,rw', bundle.source])
    t.match(await attempt('rbind', 'rexec'), { ...fault, message: said('noexec', `${bundle.source}/below`) })
    t.equal(await attempt('bind', 'rexec', 'rw'), undefined, 'what is not forbidden can be asked for')
  },
)

t.test('config.md#linux-mount-options: without a user namespace the configuration decides', skip, async t => {
  const { sh, bind } = bundleWithLocked(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', config => {
    config.mounts.push(bind('bind', 'rw', 'suid', 'dev', 'exec'))
  })
  t.same(mountAt(stdout, '/data').options.slice(0, 2), ['rw', 'relatime'])
})

t.test('config-linux.md#default-devices: if tsrun itself is in a user namespace they are bound', skip, async t => {
  const { bundle, directory, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = [
      '/bin/sh',
      '-c',
      'stat -c "%n %t:%T" /dev/null /dev/zero; echo x > /dev/null; cat /proc/self/mountinfo',
    ]
    config.linux.namespaces = [{ type: 'pid' }, { type: 'mount' }, { type: 'ipc' }, { type: 'uts' }]
    // Nobody but root is mapped there.
    config.mounts = config.mounts.filter(({ destination }) => destination !== '/dev/pts')
  })
  const program = `${directory}/run.mts`
  writeFileSync(
    program,
    `import { createRuntime } from ${JSON.stringify(new URL('../../lib/index.ts', import.meta.url).pathname)}
     const runtime = createRuntime({ root: '${directory}/nested', log: () => {} })
     const { stdout, stderr } = await runtime.run({ id: '${id()}', bundle: '${bundle}' })
     process.stdout.write(stdout + stderr)`,
  )
  // The device rules of the host's cgroups are not for a user namespace to set.
  const script = 'umount -R /sys/fs/cgroup; exec unshare --user --map-root-user --mount "$@"'
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['-m', 'sh', '-c', script, 'sh', process.execPath, '--import=tsx', program],
    {
      encoding: 'utf8',
    },
  )
  t.equal(stderr, '')
  t.match(stdout, '/dev/null 1:3\n/dev/zero 1:5\n')
  t.equal(mountAt(stdout.slice(stdout.indexOf('1:5\n') + 4), '/dev/null').root, '/null')
})
