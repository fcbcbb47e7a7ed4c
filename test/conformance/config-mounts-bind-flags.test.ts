/**
 * The attributes of a bind mount, next to those of the mount that it is made of: an entry without any keeps them all, one with any
 * has exactly those, but for the access times, which stay unless a mode is named. In a user namespace what the kernel locks
 * stays, and to ask for less is an error. The cases are those of runc's own tests of 1.3 and later.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { makeBundle, type TestBundle, type TestConfig } from '../bundle.js'
import { RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { createError, mountAt } from './attempt.js'
import { CASES, REFUSED } from './bind-cases.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

const inUserNamespace = ({ linux }: TestConfig): void => {
  linux.namespaces?.push({ type: 'user' })
  linux.uidMappings = linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
}

/** A bundle and a tmpfs of the host; `attributes` gives that mount exactly those. */
function bundleWithSource(t: Test) {
  const bundle = makeBundle(t)
  const source = `${bundle.directory}/source`
  mkdirSync(source)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tsrun', source])
  t.teardown(() => execFileSync('umount', [source]))
  const attributes = (options: string): void => {
    for (const words of ['rw,suid,dev,exec,symfollow,diratime,strictatime', 'relatime', options])
      execFileSync('mount', ['-o', `remount,bind,${words}`, source])
  }
  const entry = (options: string) => ({ destination: '/data', type: 'bind', source, options: options.split(',') })
  return { ...bundle, source, attributes, entry }
}

for (const isUser of [false, true]) {
  const where = isUser ? 'in a user namespace' : 'without a user namespace'
  t.test(`config.md#linux-mount-options: a bind mount has the attributes of its entry, ${where}`, skip, async t => {
    const bundle = bundleWithSource(t)
    for (const { host, entry, plain, user = plain } of CASES) {
      const [expected, title] = [isUser ? user : plain, `${entry} of ${host}`]
      bundle.attributes(host)
      const change = (config: TestConfig): void => {
        if (isUser) inUserNamespace(config)
        config.mounts.push(bundle.entry(entry))
      }
      if (expected === REFUSED) {
        const error = await createError(bundle, change)
        const fault = { code: 'ERR_LAUNCH_OP', configPath: '/mounts/4/options', errno: 'EPERM' }
        t.match(error, { ...fault, message: /in a user namespace: operation not permitted$/ }, title)
      } else {
        const { stdout } = await bundle.sh('cat /proc/self/mountinfo', change)
        t.equal(mountAt(stdout, '/data').options.join(','), expected, title)
      }
    }
  })
}

t.test('config.md#linux-mount-options: the mounts below a recursive bind keep their own attributes', skip, async t => {
  const { sh, source, entry, attributes } = bundleWithSource(t)
  attributes('nosuid')
  mkdirSync(`${source}/below`)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nodev,mode=755', 'tsrun', `${source}/below`])
  t.teardown(() => execFileSync('umount', [`${source}/below`]))
  const { stdout } = await sh('cat /proc/self/mountinfo', ({ mounts }) => mounts.push(entry('rbind,noexec')))
  t.equal(mountAt(stdout, '/data').options.join(','), 'rw,noexec,relatime')
  t.equal(mountAt(stdout, '/data/below').options.join(','), 'rw,nodev,relatime')
})

const inOuter = { skip: missing('root', 'busybox', 'user-namespaces') }

t.test(
  'config.md#linux-mount-options: what the kernel locks stays if tsrun itself is in a user namespace',
  inOuter,
  t => {
    const bundle = bundleWithSource(t)
    bundle.attributes('nosuid,nodev')
    const run = (options: string) => {
      bundle.configure(config => {
        config.process.args = ['/bin/cat', '/proc/self/mountinfo']
        config.mounts = config.mounts.filter(({ destination }) => destination === '/proc')
        config.mounts.push(bundle.entry(options))
        config.linux = { namespaces: ['mount', 'pid', 'ipc', 'uts'].map(type => ({ type })) as never }
      })
      return inUserNamespaceOfItsOwn(bundle)
    }
    const implied = run('bind,ro')
    t.equal(mountAt(implied.stdout, '/data').options.join(','), 'ro,nosuid,nodev,relatime', implied.stderr)
    t.match(run('bind,suid').stderr, /\/mounts\/1.*mount_setattr.*EPERM.*the kernel has locked/)
    t.end()
  },
)

/** tsrun as the root of a user namespace that has no privileges outside of it. */
function inUserNamespaceOfItsOwn({ runtime, bundle, directory, id }: TestBundle) {
  const script = `${directory}/run.sh`
  writeFileSync(script, `exec "${RUNNER}" "${TSRUN}" --root "$1" run -b "$2" "$3"`)
  const words = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--mount-proc', 'sh', script]
  return spawnSync('unshare', [...words, `${runtime.root}-inner`, bundle, id()], { encoding: 'utf8', input: '' })
}
