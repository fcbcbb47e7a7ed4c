/** What a sandbox can be turned into: as it was, another one, an image; and those that are kept ready. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openImages } from '../../lib/image/index.js'
import { isTsrunError } from '../../lib/index.js'
import { Sandbox, type SandboxOptions } from '../../lib/sandbox/index.js'
import { processStat } from '../../lib/sys/processes.js'
import { makeRootfs } from '../bundle.js'
import { tsrun } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { makeSandbox } from './make-sandbox.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }
const BOXES = '/run/tsrun-sandbox/boxes'
const STATES = '/run/tsrun-sandbox/state'

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'tsrun-lives-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function project(t: Test): SandboxOptions {
  const source = folder(t)
  writeFileSync(join(source, 'kept'), 'kept')
  writeFileSync(join(source, 'gone'), 'gone')
  mkdirSync(join(source, 'dir'))
  writeFileSync(join(source, 'dir/old'), 'old')
  return { mounts: [{ source, target: '/work', mode: 'overlay' }], user: { uid: 0, gid: 0 } }
}

const WRITE =
  'echo 1 > new; rm gone; rm -r dir; mkdir dir; echo 2 > dir/new; echo 3 > /home/sandbox/own; rm /etc/hosts; ln -s kept link'
const SHOW = 'find . -type f -o -type l | sort; cat new; cat /home/sandbox/own; ls /etc/hosts'
const SHOWN = { stdout: './dir/new\n./kept\n./link\n./new\n1\n3\n', verdict: 'exit' }

t.test('a fork has the files of that moment, and the two go their own ways', skip, async t => {
  const box = await makeSandbox(t, project(t))
  await box.commands.run(`${WRITE}; sleep 1000 &`)
  const fork = await box.fork()
  t.teardown(() => fork.stop())
  t.match(await fork.commands.run(SHOW), SHOWN)
  t.same(await fork.diff(), [], 'what it has written itself')
  await fork.commands.run('echo fork > new; echo fork > mine')
  t.equal((await box.commands.run('cat new; ls mine')).stdout, '1\n')
  t.same(
    (await fork.diff()).map(({ change, path }) => `${change} ${path}`),
    ['added /work/mine', 'modified /work/new'],
  )
  const again = await fork.fork()
  t.teardown(() => again.stop())
  t.equal((await again.commands.run('cat new mine')).stdout, 'fork\nfork\n')
  await box.stop()
  t.match(await again.commands.run('rm mine; cat kept new'), { stdout: 'keptfork\n', verdict: 'ok' })
  await again.stop()
  t.notOk(readdirSync(BOXES).includes(again.id))
})

t.test('reset ends all that runs and forgets all that was written', skip, async t => {
  const box = await makeSandbox(t, { ...project(t), timeoutMs: 60_000 })
  const sleeper = await box.commands.start(['sleep', '1000'])
  await box.commands.run(WRITE)
  const { id } = box
  const resetting = box.reset()
  await t.rejects(box.commands.run('true'), { code: 'ERR_STATE_STATUS', message: /being reset/ })
  await resetting
  t.equal((await sleeper.wait()).signal, 'SIGKILL')
  t.not(box.id, id)
  t.same(await box.diff(), [])
  t.equal((await box.commands.run('cat kept gone dir/old; ls')).stdout, 'keptgoneolddir\ngone\nkept\n')
  t.notOk(readdirSync(BOXES).includes(id))
  await box.commands.run('echo 1 > new')
  await box.discard()
  t.notOk(await box.files.exists('/work/new'))
  const last = box.reset()
  await box.stop()
  await last.catch(() => {})
  t.notOk(readdirSync(BOXES).includes(box.id), 'stopped while it was reset')
  await t.rejects(box.reset(), { code: 'ERR_STATE_STATUS', message: /stopped/ })
})

t.test('commit makes an image, also of a fork', skip, async t => {
  const directory = folder(t)
  makeRootfs(join(directory, 'root'))
  const images = openImages({ directory: join(directory, 'store') })
  await images.importRoot(join(directory, 'root'), 'base:1', { config: { Env: ['PATH=/bin'], WorkingDir: '/' } })
  const box = await makeSandbox(t, { image: 'base:1', images })
  await box.commands.run('echo one > /one; mkdir /etc/d')
  await box.commit('made:1', { message: 'by a test' })
  const fork = await box.fork()
  t.teardown(() => fork.stop())
  await fork.commands.run('echo two > /two; rm /one')
  await fork.commit('made:2')
  const [first, second] = [
    await makeSandbox(t, { image: 'made:1', images }),
    await makeSandbox(t, { image: 'made:2', images }),
  ]
  t.match(await first.commands.run('cat /one; ls /etc/d'), { stdout: 'one\n', verdict: 'ok' })
  t.match(await second.commands.run('cat /two; ls /one'), { stdout: 'two\n', verdict: 'exit' })
  t.equal((await box.commands.run('echo on')).stdout, 'on\n', 'it goes on')
  await box.commit('base:1')
  await t.rejects(box.fork(), { code: 'ERR_STATE_STATUS', message: /base:1 is another image/ })
  await t.rejects(box.reset(), { code: 'ERR_STATE_STATUS', message: /another image/ })
  t.equal((await box.commands.run('cat /one')).stdout, 'one\n', 'it goes on')
  const plain = await makeSandbox(t, {})
  await t.rejects(plain.commit('x:1'), { code: 'ERR_CONFIG_INVALID', message: /image/ })
})

t.test('a pool keeps some ready, replaces what has died, and has a queue', skip, async t => {
  const pool = await Sandbox.pool({ size: 2, maximum: 3, timeoutMs: 60_000 })
  t.teardown(() => pool.stop())
  t.same(pool.counts, { ready: 2, inUse: 0, waiting: 0 })
  const first = await pool.take()
  t.equal((await first.commands.run('echo here')).stdout, 'here\n')
  await until(() => pool.counts.ready === 2)
  const second = await pool.take()
  const third = await pool.take()
  t.equal(new Set([first.id, second.id, third.id]).size, 3)
  const gaveUp = new AbortController()
  const never = pool.take({ signal: gaveUp.signal })
  const fourth = pool.take()
  t.equal(pool.counts.waiting, 2)
  gaveUp.abort(new Error('no more'))
  await t.rejects(never, { message: 'no more' })
  await first.stop()
  const next = await fourth
  t.match(await next.commands.run('true'), { verdict: 'ok' })
  for (const box of [second, third, next]) await box.stop()
  await until(() => pool.counts.ready === 2)
  t.same(pool.counts, { ready: 2, inUse: 0, waiting: 0 })
})

/** The first process of a sandbox; null: it is gone. */
function pidOf(id: string): number | null {
  const { status, stdout } = tsrun(['--root', STATES, 'state', id])
  return status === 0 ? JSON.parse(stdout).pid : null
}

/** The sandboxes of this process: other tests make some at the same time. */
function madeSince(before: readonly string[]): string[] {
  const isOurs = (id: string) => processStat(pidOf(id) ?? 0)?.parent === process.pid
  return readdirSync(STATES).filter(id => !before.includes(id) && isOurs(id))
}

t.test('one that has died in the pool is not handed out', skip, async t => {
  const before = readdirSync(STATES)
  const pool = await Sandbox.pool({ size: 1 })
  t.teardown(() => pool.stop())
  const [doomed = ''] = madeSince(before)
  const pid = pidOf(doomed) ?? 0
  process.kill(pid, 'SIGKILL')
  await until(() => hasDied(pid))
  const id = await pool.use(async box => {
    t.match(await box.commands.run('echo here'), { stdout: 'here\n' })
    return box.id
  })
  t.not(id, doomed)
  t.notOk(existsSync(join(BOXES, doomed)))
})

t.test('nor one that somebody else has deleted, and its place is free again', skip, async t => {
  const before = readdirSync(STATES)
  const pool = await Sandbox.pool({ size: 1, maximum: 1 })
  t.teardown(() => pool.stop())
  const [doomed = ''] = madeSince(before)
  t.match(tsrun(['--root', STATES, 'delete', '--force', doomed]), { status: 0, stderr: '' })
  await pool.use(async box => void t.match(await box.commands.run('true'), { verdict: 'ok' }))
  t.same(pool.counts.inUse, 0)
})

t.test('a pool that is stopped refuses, and leaves nothing', skip, async t => {
  const before = readdirSync(BOXES).length
  const pool = await Sandbox.pool({ size: 1, maximum: 1 })
  const box = await pool.take()
  const waiting = pool.take()
  await Promise.all([t.rejects(waiting, { code: 'ERR_STATE_STATUS' }), pool.stop()])
  await t.rejects(pool.take(), { code: 'ERR_STATE_STATUS', message: /pool/ })
  t.match(await box.commands.run('true'), { verdict: 'ok' }, 'what is in use stays')
  await box.stop()
  t.ok(readdirSync(BOXES).length <= before + 2)
  await t.rejects(Sandbox.pool({ size: 0 }), { code: 'ERR_CONFIG_INVALID', message: /size/ })
  await t.rejects(Sandbox.pool({ size: 3, maximum: 2 }), { code: 'ERR_CONFIG_INVALID', message: /maximum/ })
  await t.rejects(Sandbox.pool({ size: 1, rootfs: '/no/such' }), { code: 'ERR_CONFIG_INVALID' })
})

function hasDied(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')
  } catch {
    return true
  }
}

const descriptors = (): number => readdirSync('/proc/self/fd').length

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('a fork of a sandbox that is stopped meanwhile is whole, or not there', skip, async t => {
  for (const count of [0, 8, 20, 50, 120, 300]) {
    const box = await Sandbox.create({ cwd: '/home/sandbox' })
    await box.commands.run('echo mine > mine')
    const before = descriptors()
    const forking = box.fork().catch((error: unknown) => error)
    await turns(count)
    await box.stop()
    const fork = await forking
    if (fork instanceof Sandbox) {
      t.equal(await fork.files.read('mine'), 'mine\n')
      await fork.stop()
    } else t.ok(isTsrunError(fork), `after ${count} turns: ${fork}`)
    t.ok(descriptors() <= before, `${descriptors()} descriptors, ${before} before`)
  }
})

t.test('several forks at once have the files of one moment each', skip, async t => {
  const box = await makeSandbox(t, { cwd: '/home/sandbox' })
  await using writer = await box.commands.start(
    'i=0; while [ $i -lt 1000000 ]; do i=$((i + 1)); echo $i > first; echo $i > second; done',
  )
  await box.commands.run('until [ -s second ]; do :; done')
  const forks = await Promise.all([1, 2, 3, 4].map(() => box.fork()))
  t.teardown(() => Promise.all(forks.map(fork => fork.stop())))
  for (const fork of forks) {
    const [first, second] = [await fork.files.read('first'), await fork.files.read('second')].map(Number)
    // The pause may come between the two, or when a file is empty.
    const [one = 0, other = 0] = [first, second]
    t.ok(one === other || one === other + 1 || one === 0 || other === 0, `${one} and ${other}`)
  }
  t.equal((await box.stats()).pids?.current, 2, 'it goes on')
  const before = await box.files.read('first')
  await until(async () => (await box.files.read('first')) !== before)
  t.ok(writer.pid > 0)
})

t.test('a command that begins while the sandbox ends is told of that', skip, async t => {
  for (const count of [0, 4, 10, 20, 40, 80]) {
    const box = await Sandbox.create()
    const running = box.commands.run('exec sleep 1000').catch((error: unknown) => error)
    await turns(count)
    await box.stop()
    const told = await running
    if (told instanceof Error) t.match(told, { code: 'ERR_STATE_STATUS', message: /stopped/ }, `after ${count} turns`)
    else t.match(told, { verdict: 'signal', signal: 'SIGKILL' })
  }
})
