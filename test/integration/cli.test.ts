import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, type Outcome } from '../command.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS, until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }
const SLEEP = ['/bin/sleep', '100']

/** A zombie does not live: when it is reaped is the affair of its parent. */
function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`
  return existsSync(path) && !/\) Z /.test(readFileSync(path, 'utf8'))
}
const done: Outcome = { status: 0, stdout: '', stderr: '' }

t.test('a container goes through create, state, start, kill and delete', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = SLEEP))
  const [run, id] = [commandOn(box), box.id()]
  const status = () => JSON.parse(run(['state', id]).stdout).status

  t.same(run(['create', id]), done)
  t.equal(status(), 'created')
  t.same(run(['start', id]), done)
  t.equal(status(), 'running')
  t.same(run(['kill', id, 'KILL']), done)
  await until(() => status() === 'stopped')
  t.same(run(['delete', id]), done)
  t.match(run(['state', id]), { status: 1, stdout: '', stderr: /does not exist/ })
})

t.test('the state is JSON in lines, without one more line feed', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.annotations = { 'org.example.key': 'value' }))
  const [run, id] = [commandOn(box), box.id()]
  run(['create', id])
  const { stdout } = run(['state', id])
  const state = JSON.parse(stdout)
  t.equal(stdout, JSON.stringify(state, null, 2))
  t.same(Object.keys(state), [
    ...['ociVersion', 'id', 'pid', 'status', 'bundle', 'rootfs', 'created', 'annotations', 'owner'],
  ])
  t.match(state, { id, status: 'created', bundle: box.bundle, rootfs: box.rootfs, owner: '' })
  t.ok(isAlive(state.pid))
  t.ok(Math.abs(Date.parse(state.created) - Date.now()) < 60_000)
  run(['kill', id, '9'])
  await until(() => JSON.parse(run(['state', id]).stdout).status === 'stopped')
  t.match(JSON.parse(run(['state', id]).stdout), { pid: 0, status: 'stopped' })
})

t.test('the pid file has the digits and nothing else, and nothing lies beside it', skip, async t => {
  const box = makeBundle(t)
  const [run, id] = [commandOn(box), box.id()]
  const folder = t.testdir()
  t.same(run(['create', '--pid-file', join(folder, 'pid'), id]), done)
  t.equal(readFileSync(join(folder, 'pid'), 'utf8'), String(JSON.parse(run(['state', id]).stdout).pid))
  t.same(readdirSync(folder), ['pid'])
})

t.test('a pid file that cannot be written undoes the create', skip, async t => {
  const box = makeBundle(t)
  const [run, id] = [commandOn(box), box.id()]
  t.match(run(['create', '--pid-file', '/proc/nowhere/pid', id]), { status: 1, stderr: /create failed: .*ENOENT/ })
  t.match(run(['state', id]), { status: 1, stderr: /does not exist/ })
})

t.test('list shows a table, JSON, or ids', skip, async t => {
  const box = makeBundle(t)
  const [run, one, two] = [commandOn(box), box.id('one'), box.id('two')]
  // Each in a cgroup of its own, named after the id.
  box.configure(config => delete config.linux.cgroupsPath)
  t.same(run(['create', one]), done)
  t.same(run(['create', two]), done)
  t.same(run(['list', '-q']).stdout, `${one}\n${two}\n`)

  const [header, first = ''] = run(['list']).stdout.split('\n')
  t.match(header, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/)
  t.same(first.split(/ {2,}/).toSpliced(1, 1).toSpliced(3, 1), [one, 'created', box.bundle, 'root'])

  const { stdout } = run(['list', '--format', 'json'])
  const states = JSON.parse(stdout)
  t.equal(stdout, `${JSON.stringify(states)}\n`)
  t.match(states, [
    { id: one, owner: 'root' },
    { id: two, owner: 'root' },
  ])
  t.match(run(['list', '-f', 'yaml']), { status: 1, stderr: /invalid format option/ })
})

t.test('list goes on if one container cannot be read', skip, async t => {
  const box = makeBundle(t)
  const [run, one, two] = [commandOn(box), box.id('one'), box.id('two')]
  // Each in a cgroup of its own, named after the id.
  box.configure(config => delete config.linux.cgroupsPath)
  for (const id of [one, two]) t.same(run(['create', id]), done)
  const kept = readFileSync(join(box.runtime.root, one, 'state'))
  writeFileSync(join(box.runtime.root, one, 'state'), 'nonsense')
  t.match(run(['list', '-q']), { status: 0, stdout: `${two}\n`, stderr: new RegExp(one) })
  t.match(run(['state', one]), { status: 1, stdout: '' })
  writeFileSync(join(box.runtime.root, one, 'state'), kept)
})

t.test('without containers list has a header, or null; with a root that is missing it fails', skip, async t => {
  const box = makeBundle(t)
  const run = commandOn(box)
  t.match(run(['list']), { status: 1, stderr: /no such file or directory/ })
  run(['create', box.id()])
  run(['delete', box.id()])
  t.equal(run(['list']).stdout, 'ID          PID         STATUS      BUNDLE      CREATED     OWNER\n')
  t.equal(run(['list', '-f', 'json']).stdout, 'null\n')
  t.equal(run(['list', '-q']).stdout, '')
})

t.test('delete refuses what runs, unless it is told to kill it', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = SLEEP))
  const [run, id] = [commandOn(box), box.id()]
  run(['create', id])
  run(['start', id])
  const { pid } = JSON.parse(run(['state', id]).stdout)
  t.match(run(['delete', id]), { status: 1, stderr: /cannot delete container .* that is not stopped: running/ })
  t.ok(isAlive(pid))
  t.same(run(['delete', '--force', id]), done)
  t.notOk(isAlive(pid))
  t.same(run(['delete', '-f', id]), done, 'and once more is fine')
  t.match(run(['delete', id]), { status: 1, stderr: /does not exist/ })
})

t.test('delete --force removes what cannot be read any more', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = SLEEP))
  const [run, id] = [commandOn(box), box.id()]
  run(['create', id])
  const { pid } = JSON.parse(run(['state', id]).stdout)
  writeFileSync(join(box.runtime.root, id, 'state'), '{')
  t.match(run(['delete', id]), { status: 1 })
  t.same(run(['delete', '-f', id]).status, 0)
  t.notOk(existsSync(join(box.runtime.root, id)))
  t.notOk(isAlive(pid))
})

t.test('kill takes names and numbers, and says when there is nothing to kill', skip, async t => {
  const box = makeBundle(t)
  const script = `trap "echo >> /tmp/got" USR1; trap "exit 3" TERM; echo > /data/ready; ${AWAIT_SIGNALS}`
  box.configure(config => {
    config.root = { path: 'rootfs' }
    config.process.args = ['/bin/sh', '-c', script]
  })
  const [run, id] = [commandOn(box), box.id()]
  run(['create', id])
  run(['start', id])
  await until(() => existsSync(join(box.rootfs, 'data/ready')))
  for (const signal of ['USR1', 'SIGUSR1', 'sigusr1', '10']) t.same(run(['kill', id, signal]), done, signal)
  t.match(run(['kill', id, 'NONSENSE']), { status: 1, stderr: /unknown signal .*NONSENSE/ })
  t.match(run(['kill', id, '-9']), { status: 1, stderr: /unknown signal .*-9/ }, 'what follows the id is no flag')
  t.same(run(['kill', id]), done, 'without a signal it is SIGTERM')
  await until(() => JSON.parse(run(['state', id]).stdout).status === 'stopped')
  t.match(run(['kill', id]), { status: 1, stderr: /container not running/ })
  t.same(run(['kill', '--all', id, '9']), done, 'all of a stopped container is fine')
  t.same(run(['kill', '-a', id]), done)
})

t.test('kill --all reaches every process', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['/bin/sh', '-c', 'for i in 1 2 3; do sleep 100 & done; exec sleep 100']
    config.linux.namespaces = (config.linux.namespaces ?? []).filter(({ type }) => type !== 'pid')
  })
  const [run, id] = [commandOn(box), box.id()]
  run(['create', id])
  run(['start', id])
  await until(() => run(['ps', '--format', 'json', id]).stdout.split(',').length === 4)
  t.same(run(['kill', '-a', id, 'TERM']), done)
  await until(() => JSON.parse(run(['state', id]).stdout).status === 'stopped')
  t.same(run(['delete', id]), done)
})
