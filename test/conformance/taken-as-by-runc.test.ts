/** What means nothing, or is written otherwise than the specification wants it, and what runc takes all the same. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { commandOn } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'runc', 'cgroup-v1') }

const CASES: Readonly<Record<string, (config: TestConfig) => void>> = {
  'an empty option of a tmpfs, as Podman writes it': ({ mounts }) => {
    const options = ['rw', 'rprivate', 'nosuid', 'nodev', 'tmpcopyup', '']
    mounts.push({ destination: '/run', type: 'tmpfs', source: 'tmpfs', options })
  },
  'an empty option of a bind': ({ mounts }) => {
    mounts.push({ destination: '/data', type: 'bind', source: '/etc', options: ['rbind', ''] })
  },
  'no propagation in so many words': ({ linux }) => Object.assign(linux, { rootfsPropagation: '' }),
  'empty paths to hide': ({ linux }) => Object.assign(linux, { maskedPaths: [''], readonlyPaths: [''] }),
  'an annotation without a name': config => Object.assign(config, { annotations: { '': 'x' } }),
  'a version of two numbers': config => Object.assign(config, { ociVersion: '1.0' }),
  'an empty version': config => Object.assign(config, { ociVersion: '' }),
  'an empty intelRdt': ({ linux }) => Object.assign(linux, { intelRdt: {} }),
  'a device rule for both types of one number': ({ linux }) => {
    const rule = { allow: true, type: 'a' as const, major: 7, minor: 1, access: 'rmw' }
    linux.resources = { devices: [{ allow: false, access: 'rwm' }, rule] }
  },
}

for (const [name, change] of Object.entries(CASES)) {
  t.test(`runc and tsrun take ${name}`, skip, async t => {
    const bundle = makeBundle(t)
    bundle.configure(config => {
      change(config)
      config.process.args = ['/bin/echo', 'ran']
    })
    const words = ['--root', `${bundle.directory}/runc`, 'run', bundle.id()]
    const theirs = spawnSync('runc', words, { cwd: bundle.bundle, encoding: 'utf8', input: '' })
    t.equal(theirs.stdout, 'ran\n', theirs.stderr)
    t.equal((await bundle.runtime.run({ bundle: bundle.bundle })).stdout, 'ran\n')
  })
}

t.test('a program without a name is one that can not be found', skip, async t => {
  const bundle = makeBundle(t)
  bundle.configure(({ process }) => Object.assign(process, { args: [''] }))
  const { status, stderr } = commandOn(bundle)(['run', bundle.id()])
  t.equal(status, 1)
  t.match(stderr, /exec: \\"\\": executable file not found in \$PATH/)
})

t.test('a path that is hidden twice is mounted once', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', ({ linux }) => {
    linux.maskedPaths = ['/proc/keys', '/proc/./keys', '/data', '/data/', '/data']
    linux.readonlyPaths = ['/proc/sys', '/proc/sys']
  })
  const points = stdout.split('\n').flatMap(line => line.split(' ')[4] ?? [])
  for (const path of ['/proc/keys', '/data', '/proc/sys']) t.equal(points.filter(each => each === path).length, 1, path)
})

t.test('/dev/core is there if the host has a /proc/kcore', skip, async t => {
  const { stdout } = await makeBundle(t).sh('readlink /dev/core')
  t.equal(stdout, existsSync('/proc/kcore') ? '/proc/kcore\n' : '')
})

t.test('what is wrong with a cgroup or an interpreter is told in words that runc has', skip, async t => {
  const bundle = makeBundle(t)
  const tsrun = commandOn(bundle)
  bundle.configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.root = { path: 'rootfs', readonly: false }
  })
  writeFileSync(`${bundle.rootfs}/run.sh`, '#!/none foo\n', { mode: 0o755 })
  tsrun(['run', '-d', bundle.id()])
  const told = (...words: readonly string[]) => tsrun(['exec', ...words]).stderr
  for (const path of ['..', 'cpu:../x', '../x'])
    t.match(told('--cgroup', path, bundle.id(), 'true'), /bad sub cgroup path/)
  t.match(told('--cgroup', 'none', bundle.id(), 'true'), /no such file or directory/)
  t.match(told('--cgroup', 'whaaat:/', bundle.id(), 'true'), /unknown controller /)
  t.match(told(bundle.id(), '/run.sh'), /exec \/run.sh: no such file or directory/)
})

t.test(
  'cgroups that the container has made go with it, and exec joins those that the container is in',
  skip,
  async t => {
    const bundle = makeBundle(t)
    bundle.configure(({ process, linux }) => {
      process.args = ['/bin/sleep', '100']
      linux.cgroupsPath = `/${bundle.id()}`
    })
    const container = await bundle.runtime.create({ id: bundle.id(), bundle: bundle.bundle, stdio: 'ignore' })
    await container.start()
    const made = `/sys/fs/cgroup/memory/${bundle.id()}/sub/deep`
    execFileSync('mkdir', ['-p', made])
    writeFileSync(`${made}/cgroup.procs`, String(container.pid))
    const process = await container.exec({ args: ['/bin/sleep', '100'], stdio: 'ignore' })
    const unifiedOf = (pid: number) => /^0::.*$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[0]
    t.equal(unifiedOf(process.pid), unifiedOf(container.pid))
    await container.delete({ force: true })
    t.notOk(existsSync(made))
  },
)

t.test('a container without a process can be created, and start is an error', skip, async t => {
  const bundle = makeBundle(t)
  bundle.configure(config => Object.assign(config, { process: undefined }))
  const tsrun = commandOn(bundle)
  t.equal(tsrun(['create', bundle.id()]).status, 0)
  const { status, stderr } = tsrun(['start', bundle.id()])
  t.equal(status, 1)
  t.match(stderr, /process property must not be empty/)
})
