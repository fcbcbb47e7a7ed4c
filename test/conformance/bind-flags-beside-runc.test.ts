/** The attributes of bind mounts under the runc that is installed, beside what we give: the same, or a difference that is known. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { mountAt } from './attempt.js'
import { CASES, REFUSED } from './bind-cases.js'

const skip = { skip: missing('root', 'busybox', 'runc', 'cgroup-v1') }

/** Before 1.3 runc took no notice of an entry that does nothing but clear flags; by entry and source. */
const BEFORE_1_3: Readonly<Record<string, string>> = {
  'bind,dev of ro,noexec,nosymfollow,nodiratime': 'ro,noexec,nodiratime,relatime,nosymfollow',
  'bind,dev,suid,exec,atime of nosuid,nodev,noexec,noatime': 'rw,nosuid,nodev,noexec,noatime',
  'bind,rw of rw,nodev,nosymfollow': 'rw,nodev,relatime,nosymfollow',
}

function isBefore13(): boolean {
  const [, major = '', minor = ''] =
    /version (\d+)\.(\d+)/.exec(execFileSync('runc', ['--version'], { encoding: 'utf8' })) ?? []
  return Number(major) === 1 && Number(minor) < 3
}

t.test('a bind mount has the attributes that runc gives it', skip, async t => {
  const { directory, bundle, configure, id } = makeBundle(t)
  chmodSync(directory, 0o755)
  const source = `${directory}/source`
  mkdirSync(source)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tsrun', source])
  t.teardown(() => execFileSync('umount', [source]))
  const known = isBefore13() ? BEFORE_1_3 : {}
  for (const { host, entry, plain } of CASES) {
    for (const words of ['rw,suid,dev,exec,symfollow,diratime,strictatime', 'relatime', host])
      execFileSync('mount', ['-o', `remount,bind,${words}`, source])
    configure(config => {
      config.process.args = ['/bin/cat', '/proc/self/mountinfo']
      config.mounts.push({ destination: '/data', type: 'bind', source, options: entry.split(',') })
    })
    const args = ['--root', `${directory}/runc`, 'run', id()]
    const { stdout, stderr } = spawnSync('runc', args, { cwd: bundle, encoding: 'utf8', input: '' })
    const theirs = stdout === '' ? REFUSED : mountAt(stdout, '/data').options.join(',')
    const title = `${entry} of ${host}`
    t.equal(theirs, known[title] ?? plain, `${title}: ${stderr}`)
  }
})
