import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { closeFd, closeFds } from '../../lib/sys/beneath.js'
import { openEventfd, takeEvents } from '../../lib/sys/eventfd.js'
import { openPidfd } from '../../lib/sys/processes.js'
import { HANGUP, holdEventLoop, READABLE, WRITABLE, watch } from '../../lib/sys/watch.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const ONE = Buffer.from(BigUint64Array.of(1n).buffer)
const nextTurn = (): Promise<void> => new Promise(done => setImmediate(done))

function events(t: Test, count: number): number[] {
  const fds = Array.from({ length: count }, openEventfd)
  t.teardown(() => closeFds(fds))
  return fds
}

/** For each epoll instance of this process: how many descriptors it waits for. */
function epolls(): number[] {
  const links = readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventpoll]' ? [fd] : []
    } catch {
      return []
    }
  })
  return links.map(fd => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^tfd:/gm)?.length ?? 0)
}

const folder = t.testdir({})

/** What a program prints that has the library as it is built; it has to end by itself, and well. */
async function runProgram(text: string): Promise<string> {
  const path = `${folder}/program.mjs`
  writeFileSync(path, `${HEAD}${text}`)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path], { timeout: 60_000 })
  return stdout + stderr
}

const HEAD = `
import { Worker, isMainThread } from 'node:worker_threads'
import { readdirSync, writeSync } from 'node:fs'
import { READABLE, watch, holdEventLoop } from ${JSON.stringify(resolve('dist/sys/watch.js'))}
import { openEventfd } from ${JSON.stringify(resolve('dist/sys/eventfd.js'))}
const ONE = Buffer.from(BigUint64Array.of(1n).buffer)
`

t.test('of many that are ready at once each is told of, and one that was given up is not', async t => {
  const fds = events(t, 2000)
  const before = readdirSync('/proc/self/task').length
  const waits = fds.map(fd => watch(fd, READABLE))
  let isTold = false
  void waits[7]?.ready.then(() => {
    isTold = true
  })
  t.equal(readdirSync('/proc/self/task').length, before, 'no thread')
  for (const fd of fds) writeSync(fd, ONE)
  waits[7]?.stop()
  await Promise.all(waits.filter((_, index) => index !== 7).map(({ ready }) => ready))
  await nextTurn()
  t.notOk(isTold)
  t.ok(epolls().includes(0), 'what has been told of is not waited for')
})

t.test('one that is given up between its readiness and its turn is not told of', async t => {
  const [first = -1, second = -1] = events(t, 2)
  const waits = [watch(first, READABLE), watch(second, READABLE)]
  const told: number[] = []
  waits.forEach(({ ready }, index) => {
    void ready.then(() => {
      told.push(index)
      for (const { stop } of waits) stop()
    })
  })
  for (const fd of [first, second]) writeSync(fd, ONE)
  await until(() => told.length > 0)
  for (let turns = 0; turns < 5; turns++) await nextTurn()
  t.equal(told.length, 1)
})

t.test('the same descriptor again, and not twice at a time', async t => {
  const [fd = -1] = events(t, 1)
  for (let round = 0; round < 3; round++) {
    const { ready } = watch(fd, READABLE)
    t.throws(() => watch(fd, READABLE), /EEXIST/)
    writeSync(fd, ONE)
    await ready
    takeEvents(fd)
  }
  await watch(fd, WRITABLE).ready
  t.throws(() => watch(-1, READABLE), /EBADF/)
})

t.test('one whose descriptor was closed too early keeps nobody busy, and does not speak for another', async t => {
  const [kept = -1] = events(t, 1)
  const early = openEventfd()
  // In another process it stays open, so that the kernel goes on.
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore', early] })
  await once(child, 'spawn')
  t.teardown(() => child.kill('SIGKILL'))
  let isTold = false
  void watch(early, READABLE, { keepAlive: false }).ready.then(() => {
    isTold = true
  })
  writeSync(early, ONE)
  closeFd(early)
  await until(() => isTold)
  const before = process.cpuUsage()
  const { ready } = watch(kept, READABLE)
  setTimeout(() => writeSync(kept, ONE), 200)
  await ready
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 100_000, `${user + system} µs of 200 ms`)
})

t.test('a process that has ended, and one that has been reaped', async t => {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
  const pidfd = openPidfd(child.pid ?? 0)
  if (pidfd === null) throw new Error('no process')
  t.teardown(() => closeFd(pidfd))
  const { ready } = watch(pidfd, READABLE)
  child.stdin.end()
  await ready
  await watch(pidfd, HANGUP).ready
})

t.test('it ends when nothing has been waited for', async t => {
  const [fd = -1] = events(t, 1)
  const release = holdEventLoop()
  const { stop } = watch(fd, READABLE)
  const before = epolls().length
  stop()
  stop()
  release()
  release()
  await until(() => epolls().length < before)
  const { ready } = watch(fd, READABLE)
  t.equal(epolls().length, before, 'and begins again')
  writeSync(fd, ONE)
  await ready
  await until(() => epolls().length < before)
  t.throws(() => watch(-1, READABLE), /EBADF/)
  t.equal(epolls().length, before, 'for one that cannot be')
  await until(() => epolls().length < before)
})

t.test('it is told of after this thread has stood still', async () => {
  t.equal(
    await runProgram(`
      const fd = openEventfd()
      const { ready } = watch(fd, READABLE)
      const shared = new Int32Array(new SharedArrayBuffer(8))
      const text =
        'require("node:worker_threads").workerData.fill(1); Atomics.notify(require("node:worker_threads").workerData, 0)'
      const worker = new Worker(text, { eval: true, workerData: shared })
      writeSync(fd, ONE)
      Atomics.wait(shared, 0, 0)
      await ready
      console.log('told')
    `),
    'told\n',
  )
})

t.test('a wait keeps the program going, unless it is told not to, or is over', async t => {
  const program = (wait: string, later: string): Promise<string> =>
    runProgram(`
      const fd = openEventfd()
      ${wait}
      const timer = setTimeout(() => { console.log('later'); ${later} }, 300)
      timer.unref()
      process.on('exit', () => console.log('exit'))
    `)
  t.equal(await program('const { ready } = watch(fd, READABLE)', 'writeSync(fd, ONE)'), 'later\nexit\n')
  t.equal(await program('const { stop } = watch(fd, READABLE)', 'stop()'), 'later\nexit\n')
  t.equal(await program('const release = holdEventLoop()', 'release(); release()'), 'later\nexit\n')
  t.equal(await program('watch(fd, READABLE, { keepAlive: false })', ''), 'exit\n')
  t.equal(await program('watch(fd, READABLE).stop()', ''), 'exit\n')
  t.equal(
    await program('const { ready } = watch(fd, READABLE); writeSync(fd, ONE); await ready', ''),
    'exit\n',
    'once it is ready',
  )
})

t.test('a program may exit with waits, in a worker too', async t => {
  const waits = 'for (let left = 100; left > 0; left--) watch(openEventfd(), READABLE)\n'
  t.equal(await runProgram(`${waits} console.log('exits'); process.exit()`), 'exits\n')
  t.equal(await runProgram(`${waits} throw new Error('thrown')`).catch(({ code }) => code), 1)
  t.equal(
    await runProgram(`
      if (isMainThread) new Worker(new URL(import.meta.url)).on('exit', code => console.log('worker', code))
      else { ${waits} process.exit(3) }
    `),
    'worker 3\n',
  )
})

t.test('workers that are terminated as they begin to wait, or later, leave nothing', async t => {
  const program = `
    if (isMainThread) {
      const fds = () => readdirSync('/proc/self/fd').length
      let before = 0
      for (let round = 0; round < 24; round++) {
        if (round === 6) before = fds()
        const worker = new Worker(new URL(import.meta.url))
        await new Promise(begun => worker.once('message', begun))
        if (round % 2) await new Promise(later => setTimeout(later, round / 4))
        await worker.terminate()
      }
      console.log(fds() - before)
    } else {
      const { parentPort } = await import('node:worker_threads')
      // Not before the add-ons of others are loaded, which can't bear it (docs/decisions/2026-11-21-worker-threads.md).
      const fds = Array.from({ length: 50 }, openEventfd)
      parentPort.postMessage('begun')
      fds.forEach((fd, index) => {
        watch(fd, READABLE)
        if (index % 2) writeSync(fd, ONE)
      })
      for (;;) {
        const fd = openEventfd()
        const wait = watch(fd, READABLE)
        writeSync(fd, ONE)
        await wait.ready
      }
    }
  `
  t.equal(await runProgram(program), '0\n')
})

t.test('a program that is not Node can load the library', { skip: missing('cc') }, async t => {
  const source = `${t.testdir({})}/load.c`
  writeFileSync(
    source,
    '#include <dlfcn.h>\n#include <stdio.h>\nint main(int n, char **a) { puts(dlopen(a[1], RTLD_NOW) ? "loaded" : dlerror()); }\n',
  )
  await promisify(execFile)('cc', ['-o', `${source}.out`, source, '-ldl'])
  const { stdout } = await promisify(execFile)(`${source}.out`, [resolve('native/build/libtsrun.so')])
  t.equal(stdout, 'loaded\n')
})

t.test('it is of the library that is in use, also if another one would be found by now', async t => {
  t.equal(
    await runProgram(`
      const fd = openEventfd()
      process.env.TSRUN_NATIVE = '/nowhere'
      const { ready } = watch(fd, READABLE)
      writeSync(fd, ONE)
      await ready
      console.log('told')
    `),
    'told\n',
  )
})

t.test('a host without the event loop of Node is told what it needs', async () => {
  // No process has the add-on without libuv: its answer is what is tried.
  t.match(
    await runProgram(`
      const { dlopen } = process
      process.dlopen = (addOn, path, ...rest) => {
        dlopen(addOn, path, ...rest)
        if (path.endsWith('libtsrun.so')) addOn.exports = () => -38
      }
      try { watch(openEventfd(), READABLE) } catch (error) { console.log(error.code, error.message) }
    `),
    /^ERR_HOST_INSTALL needs the event loop of Node/,
  )
})
