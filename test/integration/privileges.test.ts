/** What becomes of a container where root itself lacks a capability, as in another container. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** The command as root without a capability. */
function lacking(box: TestBundle, capability: string, ...options: readonly string[]) {
  const words = ['--bounding-set', `-${capability}`, ...options, RUNNER, TSRUN, '--root', box.runtime.root]
  return (...args: readonly string[]) => execute('setpriv', [...words, ...args], { cwd: box.bundle })
}

t.test('exec sets limits of another user also without CAP_SYS_RESOURCE', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.process.user = { uid: 1000, gid: 1000 }
    config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }]
  })
  const run = lacking(box, 'sys_resource')
  t.match(run('run', '--detach', box.id()), { status: 0, stderr: '' })
  const open = (...args: readonly string[]) => /^Max open files +(\d+ +\d+)/m.exec(run('exec', ...args).stdout)?.[1]
  const show = ['cat', '/proc/self/limits']
  t.match(open(box.id(), ...show), /^100 +200$/)
  t.match(open('--user', '5:6', box.id(), ...show), /^100 +200$/)
  const file = join(box.directory, 'process.json')
  const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }]
  writeFileSync(file, JSON.stringify({ args: show, cwd: '/', env: ['PATH=/bin'], user: { uid: 7, gid: 7 }, rlimits }))
  t.match(open('--process', file, box.id()), /^50 +60$/)
  rlimits[0] = { type: 'RLIMIT_NOFILE', soft: 50, hard: 10_000_000 }
  writeFileSync(file, JSON.stringify({ args: show, cwd: '/', env: ['PATH=/bin'], user: { uid: 7, gid: 7 }, rlimits }))
  t.match(run('exec', '--process', file, box.id()), { status: 255, stderr: /\/process\/rlimits\/0: prlimit.*EPERM/ })
})

t.test('groups that can not be dropped are not kept without a word', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/grep', 'Groups', '/proc/self/status']))
  t.match(lacking(box, 'setgid', '--groups', '7')('run', box.id()), {
    status: 1,
    stderr: /\/process\/user\/additionalGids: setgroups.*EPERM/,
  })
  t.match(lacking(box, 'setgid', '--clear-groups')('run', box.id()), { status: 0, stdout: /^Groups:\s*$/ })
  t.match(lacking(box, 'sys_resource', '--groups', '7')('run', box.id()), { status: 0, stdout: /^Groups:\s*$/ })
})
