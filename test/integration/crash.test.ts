import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { leftovers, makeBundle, type TestBundle } from '../bundle.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox'), timeout: 300_000 }
const victim = fileURLToPath(new URL('crash/victim.mjs', import.meta.url))

type Work = 'create' | 'start' | 'delete' | 'exec' | 'run' | 'kill' | 'pause' | 'resume' | 'update'

const work = ({ runtime, bundle, id }: TestBundle, what: Work, limit: number): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [victim, runtime.root, bundle, id(), what, String(limit)], {
    encoding: 'utf8',
    timeout: 30_000,
  })

/** How many points there are to die at. */
function countCalls(test: TestBundle, what: Work): number {
  const { stdout, stderr } = work(test, what, Number.MAX_SAFE_INTEGER)
  const calls = /^done (\d+)$/m.exec(stdout)?.[1]
  if (calls === undefined) throw new Error(`${what} failed: ${stderr}`)
  return Number(calls)
}

const SAMPLE = 8

/** Where to die: everywhere each night, at some points spread over all of them for every change, at others with another seed. */
function pointsOf(calls: number): number[] {
  const all = Array.from({ length: calls }, (_, index) => index + 1)
  if (effort.times > 1 || calls <= SAMPLE) return all
  const step = calls / SAMPLE
  return all.filter(at => Math.floor((at + effort.seed) / step) !== Math.floor((at + effort.seed - 1) / step))
}

/** Processes of the container: those that know its id, and those whose root is its root. */
function processesOf({ rootfs, id }: TestBundle): string[] {
  return readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && belongs(pid, rootfs, id()))
}

/** A zombie is its parent's to reap, which after a crash is the machine's first process. */
function belongs(pid: string, rootfs: string, id: string): boolean {
  try {
    const of = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8')
    return !/^State:\s+[ZX]/m.test(of('status')) && (of('cgroup').includes(id) || of('cmdline').includes(rootfs))
  } catch {
    return false // it ended while we looked
  }
}

async function checkCleanable(t: Test, test: TestBundle, when: string): Promise<void> {
  const { runtime, id } = test
  await runtime.delete(id(), { force: true })
  const rest = [...leftovers(id()), ...processesOf(test)]
  if (rest.length > 0 || existsSync(`${runtime.root}/${id()}`)) t.fail(`${when} leaves ${rest.join(', ')}`)
}

t.test('kill -9 between any two steps of create leaves nothing that delete does not remove', skip, async t => {
  const test = makeBundle(t)
  const { rootfs, configure, runtime, id } = test
  configure(config => {
    config.root = { path: 'rootfs', readonly: false }
    config.process.args = ['/bin/touch', '/data/ran']
    config.linux.cgroupsPath = `/${id()}`
  })
  const calls = countCalls(test, 'create')
  await checkCleanable(t, test, 'create')
  t.ok(calls > 30, `${calls} points`)
  for (const at of pointsOf(calls)) {
    const { signal, stdout, stderr, error } = work(test, 'create', at)
    // How often a lock is tried varies, so the last points may not be reached.
    if (signal !== 'SIGKILL' && !stdout.startsWith('done')) t.fail(`not killed at call ${at}: ${stderr} ${error}`)
    await checkCleanable(t, test, `create killed at call ${at}`)
  }
  t.notOk(existsSync(`${rootfs}/data/ran`), 'no half-made container ever ran')
  t.strictSame(await runtime.list(), [])
})

t.test('kill -9 in a create without a mount namespace leaves no mount that delete does not remove', skip, async t => {
  const test = makeBundle(t)
  const { configure, directory, id } = test
  configure(({ linux }) => {
    linux.namespaces = [{ type: 'pid' }, { type: 'uts' }]
    Object.assign(linux, { maskedPaths: [], readonlyPaths: [], cgroupsPath: `/${id()}` })
  })
  const calls = countCalls(test, 'create')
  await checkCleanable(t, test, 'create')
  for (const at of pointsOf(calls)) {
    work(test, 'create', at)
    await checkCleanable(t, test, `create killed at call ${at}`)
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    if (mounts.includes(directory)) t.fail(`create killed at call ${at} leaves a mount`)
  }
})

t.test('kill -9 between any two steps of start or delete leaves nothing that delete does not remove', skip, async t => {
  const test = makeBundle(t)
  const { runtime, bundle, configure, id } = test
  configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.linux.cgroupsPath = `/${id()}`
  })
  for (const what of ['start', 'delete'] as const) {
    const prepare = () => runtime.create({ id: id(), bundle, stdio: 'ignore' })
    await prepare()
    const calls = countCalls(test, what)
    await checkCleanable(t, test, what)
    t.ok(calls > 5, `${what} has ${calls} points`)
    for (const at of pointsOf(calls)) {
      await prepare()
      work(test, what, at)
      await checkCleanable(t, test, `${what} killed at call ${at}`)
    }
  }
})

for (const what of ['exec', 'run', 'kill', 'pause', 'resume', 'update'] as const) {
  t.test(`kill -9 between any two steps of ${what} leaves nothing that delete does not remove`, skip, async t => {
    const test = makeBundle(t)
    const { runtime, bundle, configure, id } = test
    configure(config => {
      config.process.args = what === 'run' ? ['/bin/true'] : ['/bin/sleep', '100']
      config.linux.cgroupsPath = `/${id()}`
    })
    const prepare = async (): Promise<void> => {
      if (what === 'run') return
      const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
      await container.start()
      if (what === 'resume') await container.pause()
    }
    await prepare()
    const calls = countCalls(test, what)
    await checkCleanable(t, test, what)
    t.ok(calls > 0, `${what} has ${calls} points`)
    for (const at of pointsOf(calls)) {
      await prepare()
      work(test, what, at)
      await checkCleanable(t, test, `${what} killed at call ${at}`)
    }
  })
}

t.test('of many creates of one id one wins, and the others say that it is there', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.linux.cgroupsPath = `/${id()}`
  })
  const creates = Array.from({ length: 50 }, () => runtime.create({ id: id(), bundle, stdio: 'ignore' }))
  const answers = await Promise.allSettled(creates)
  const won = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
  const codes = answers.flatMap(answer => (answer.status === 'rejected' ? [answer.reason.code] : []))
  t.equal(won.length, 1)
  t.same(
    [...new Set(codes)].filter(code => code !== 'ERR_STATE_EXISTS' && code !== 'ERR_STATE_LOCKED'),
    [],
  )
  t.same(
    (await runtime.list()).map(container => container.id),
    [id()],
  )
  t.equal((await won[0]?.state())?.status, 'created', 'the losers have undone nothing of it')
  await won[0]?.delete()
})

t.test('a killed init is a stopped container, which can be deleted', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  process.kill(container.pid, 'SIGKILL')
  t.match(await container.wait(), { signal: 'SIGKILL' })
  t.equal((await container.state()).status, 'stopped')
  await t.rejects(container.start(), { code: 'ERR_STATE_STATUS' })
  await container.delete()
})

t.test('the helper does not outlive a runtime that is killed in the middle of create', skip, async t => {
  const test = makeBundle(t)
  const { configure, id, directory, runtime } = test
  configure(config => {
    config.linux.cgroupsPath = `/${id()}`
    const args = ['sh', '-c', `echo $$ > ${directory}/hook; exec sleep 30`]
    config.hooks = { createRuntime: [{ path: '/bin/sh', args, env: ['PATH=/usr/bin:/bin'] }] }
  })
  t.teardown(() => endHook(`${directory}/hook`))
  const child = spawn(process.execPath, [victim, `${directory}/state`, test.bundle, id(), 'create', '100000'])
  const ended = new Promise(resolve => child.once('exit', resolve))
  const pid = await pidOf(test)
  // The record has its pid before it has become the helper.
  await until(() => readFileSync(`/proc/${pid}/comm`, 'utf8').includes('tsrun-init'))
  t.equal((await (await runtime.get(id())).state()).status, 'creating')
  child.kill('SIGKILL')
  await ended
  await until(() => !isRunning(pid))
  await checkCleanable(t, test, 'create killed in a hook')
})

/** A hook that may have outlived the runtime. */
function endHook(file: string): void {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL')
  } catch {
    // It has ended, or never begun.
  }
}

/** The pid of a container whose create has got as far as its first process. */
async function pidOf({ runtime, id }: TestBundle): Promise<number> {
  let pid = 0
  await until(async () => {
    pid = (await runtime.get(id()).catch(() => null))?.pid ?? 0
    return pid !== 0
  })
  return pid
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false // gone
  }
}
