/** Errors that name what is the matter: the limit that was reached, the option that is wrong, the file that could not be written. */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, execute, RUNNER, TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const v1 = { skip: missing('root', 'busybox', 'cgroup-v1') }

t.test('a number of no open descriptor is told by the option that has it', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const create = (options: object) => runtime.create({ id: id(), bundle, stdio: 'ignore', ...options })
  await t.rejects(create({ stdio: ['ignore', 999_999, 'ignore'] }), {
    code: 'ERR_CONFIG_INVALID',
    message: 'stdio[1]: must be the number of an open descriptor, but is 999999',
  })
  await t.rejects(create({ stdio: [-1, 1, 2] }), { code: 'ERR_CONFIG_INVALID' })
  await t.rejects(create({ extraFds: [0, 999_999] }), { code: 'ERR_CONFIG_INVALID', message: /^extraFds\[1\]/ })
  t.same(await runtime.list(), [])
})

t.test('a memory limit that no process fits in is told as that', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.linux.cgroupsPath = `/${id()}`
    config.linux.resources = { memory: { limit: 16_384 } }
  })
  await t.rejects(runtime.create({ id: id(), bundle, stdio: 'ignore' }), {
    code: 'ERR_CGROUP_OOM',
    configPath: '/linux/resources/memory/limit',
  })
})

// About as much as the first process takes until it waits: the kernel kills it before, while or after it tells that it does.
t.test('a memory limit that a process just fits in, or not, is told as that wherever it ends', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  for (let round = 0; round < 30; round++) {
    configure(config => {
      config.linux.cgroupsPath = `/${id(String(round))}`
      config.linux.resources = { memory: { limit: 61_440 + 4096 * (round % 4) } }
    })
    const options = { id: id(String(round)), bundle, stdio: 'ignore' } as const
    const begin = async () => {
      const container = await runtime.create(options)
      try {
        await container.start()
        return (await container.wait()).oomKilled ? 'out of memory' : 'something else'
      } finally {
        await container.delete({ force: true })
      }
    }
    const told = await begin().catch((error: { code: string; message: string }) =>
      error.code === 'ERR_CGROUP_OOM' ? 'out of memory' : error.message,
    )
    t.equal(told, 'out of memory')
  }
})

t.test('one that was killed for its memory while it waited for the start', v1, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.linux.cgroupsPath = `/${id()}`
    config.linux.resources = { memory: { limit: 16_777_216 } }
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  const eater = `echo 0 > $PROCS; exec busybox tail -c 64m /dev/zero`
  const PROCS = `/sys/fs/cgroup/memory/${id()}/cgroup.procs`
  const script = `echo -1000 > /proc/$INIT/oom_score_adj; (${eater}); kill -KILL $INIT`
  execute('/bin/sh', ['-c', script], { env: { PROCS, INIT: String(container.pid), PATH: process.env.PATH ?? '' } })
  await t.rejects(container.start(), { code: 'ERR_CGROUP_OOM', configPath: '/linux/resources/memory/limit' })
  await container.delete({ force: true })
})

/** A cgroup of the pids controller with that limit, below the one that this process is in. */
function limitedPids(t: Test, limit: number): string {
  const own = '/sys/fs/cgroup/pids'
  const path = join(own, `tsrun-test-pids-${process.pid}-${limit}`)
  mkdirSync(path)
  t.teardown(() => rmdirSync(path))
  writeFileSync(join(path, 'pids.max'), String(limit))
  return path
}

t.test('a full limit of processes is not blamed on the namespaces', v1, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const script = `
    import { createRuntime } from ${JSON.stringify(join(process.cwd(), 'dist/index.js'))}
    import { readdirSync, writeFileSync } from 'node:fs'
    const runtime = createRuntime({ root: ${JSON.stringify(runtime.root)} })
    const create = id => runtime.create({ id, bundle: ${JSON.stringify(bundle)}, stdio: 'ignore' })
    await (await create('${id('first')}')).delete({ force: true })
    writeFileSync(process.env.LIMIT + '/cgroup.procs', String(process.pid))
    writeFileSync(process.env.LIMIT + '/pids.max', String(readdirSync('/proc/self/task').length))
    const error = await create('${id('second')}').catch(error => error)
    console.log(JSON.stringify({ ...error.toJSON(), message: error.message }))
    process.exit()`
  const LIMIT = limitedPids(t, 1000)
  const { stdout, stderr } = execute(process.execPath, ['--input-type=module', '-e', script], { env: { LIMIT } })
  t.equal(stderr, '')
  t.match(JSON.parse(stdout), { code: 'ERR_LAUNCH_OP', configPath: '', syscall: 'clone3', errno: 'EAGAIN' })
  t.match(stdout, /pids\.max/)
  t.notMatch(stdout, /namespaces/)
})

t.test('standard output that is full or closed is an error', async t => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  for (const argument of ['--version', '--help', 'features']) {
    const { status, stderr } = spawnSync(RUNNER, [TSRUN, argument], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    t.equal(status, 1, argument)
    t.match(stderr, /standard output: ENOSPC/, argument)
    const closed = spawnSync(
      'sh',
      ['-c', 'exec 3>&2; (sleep 1; "$@" 2>&3; echo "status $?" >&3) | true', 'sh', RUNNER, TSRUN, argument],
      {
        encoding: 'utf8',
      },
    )
    t.match(closed.stderr, /standard output: EPIPE/, argument)
    t.match(closed.stderr, /status 1/, argument)
  }
})

t.test('a full disk is told with the file that did not fit', skip, async t => {
  const box = makeBundle(t)
  const small = join(box.directory, 'small')
  mkdirSync(small)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', small])
  t.teardown(() => execFileSync('umount', [small]))
  writeFileSync(join(small, 'filler'), Buffer.alloc(16_384))
  const config = tsrun(['spec', '--bundle', small])
  t.equal(config.status, 1)
  t.match(config.stderr, `${small}/config.json: ENOSPC`)
  t.notOk(existsSync(join(small, 'config.json')), 'no half of a file is left')
  const run = commandOn(box)(['run', '--pid-file', join(small, 'pid'), box.id()])
  t.equal(run.status, 1)
  t.match(run.stderr, `${small}/pid`)
  const state = tsrun(['--root', join(small, 'state'), 'run', '--bundle', box.bundle, box.id()])
  t.equal(state.status, 1)
  t.match(state.stderr, /ENOSPC/)
  t.match(state.stderr, `${small}/state/${box.id()}/state`, 'the file')
  t.same(readdirSync(join(small, 'state')), [], 'the id is free again')
})

t.test('the library speaks of its own options, the command of its flags', skip, async t => {
  const box = makeBundle(t)
  const { runtime, bundle, id, configure } = box
  configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.linux.cgroupsPath = `/${id()}`
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.pause()
  const error = await container.exec({ args: ['true'] }).catch((cause: Error) => cause.message)
  t.match(error, /paused/)
  t.notMatch(error, /--/)
  t.match(commandOn(box)(['exec', id(), 'true']).stderr, /use --ignore-paused to override/)
})
