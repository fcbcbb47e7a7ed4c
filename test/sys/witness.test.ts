import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { closeFd, closeFds } from '../../lib/sys/beneath.js'
import { openEventfd } from '../../lib/sys/eventfd.js'
import { openPidfd } from '../../lib/sys/processes.js'
import { holdEventLoop, READABLE } from '../../lib/sys/watch.js'
import { witness } from '../../lib/sys/witness.js'
import { until } from '../until.js'

const ONE = Buffer.from(BigUint64Array.of(1n).buffer)
const threads = (): string[] => readdirSync('/proc/self/task')

// A witness keeps nobody going.
t.teardown(holdEventLoop())

/** A process that ends when its input does, and its pidfd. */
function waiting(t: Test) {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
  const pidfd = openPidfd(child.pid ?? 0)
  if (pidfd === null) throw new Error('no process')
  t.teardown(() => {
    child.kill('SIGKILL')
    closeFd(pidfd)
  })
  return { pidfd, end: () => child.stdin.end() }
}

function openFile(t: Test, path: string): number {
  const file = openSync(path, 'r')
  t.teardown(() => closeSync(file))
  return file
}

t.test('it tells what a file said at the moment, whatever becomes of it afterwards', async t => {
  const directory = t.testdir({ events: 'before\n' })
  const file = openFile(t, `${directory}/events`)
  const { pidfd, end } = waiting(t)
  const { said } = witness({ fd: pidfd, events: READABLE, file })
  writeFileSync(`${directory}/events`, 'ended\n')
  end()
  t.equal(await said, 'ended\n')
})

t.test('also if the event loop stands still then', async t => {
  const directory = t.testdir({ events: 'before\n' })
  const file = openFile(t, `${directory}/events`)
  const event = openEventfd()
  t.teardown(() => closeFd(event))
  const before = threads()
  const { said } = witness({ fd: event, events: READABLE, file })
  const thread = threads().find(task => !before.includes(task))
  const hasRead = (): boolean => /^rchar: [1-9]/.test(readFileSync(`/proc/self/task/${thread}/io`, 'utf8'))
  t.notOk(hasRead())
  writeSync(event, ONE)
  const deadline = performance.now() + 10_000
  while (!hasRead() && performance.now() < deadline);
  writeFileSync(`${directory}/events`, 'after\n')
  t.equal(await said, 'before\n')
})

t.test('of a long file it tells the beginning, of one that can not be read nothing', async t => {
  const directory = t.testdir({ long: 'x'.repeat(1000) })
  const [long, none] = [waiting(t), waiting(t)]
  const witnesses = [
    witness({ fd: long.pidfd, events: READABLE, file: openFile(t, `${directory}/long`) }),
    // A directory, in place of a file of the kernel that is gone by then.
    witness({ fd: none.pidfd, events: READABLE, file: openFile(t, '/proc') }),
  ]
  for (const { end } of [long, none]) end()
  t.same(await Promise.all(witnesses.map(({ said }) => said)), ['x'.repeat(248), null])
})

t.test('of many that are ready at once each is told; then the thread ends', async t => {
  const directory = t.testdir({ one: 'one\n', two: 'two\n' })
  const files = ['one', 'two'].map(name => openFile(t, `${directory}/${name}`))
  const events = Array.from({ length: 100 }, openEventfd)
  t.teardown(() => closeFds(events))
  const before = threads().length
  const witnesses = events.map((fd, index) => witness({ fd, events: READABLE, file: files[index % 2] ?? -1 }))
  t.equal(threads().length, before + 1, 'one for all of them')
  witnesses[7]?.stop()
  for (const fd of events) writeSync(fd, ONE)
  const others = witnesses.flatMap(({ said }, index) => (index === 7 ? [] : [{ said, index }]))
  for (const { said, index } of others) t.equal(await said, index % 2 === 0 ? 'one\n' : 'two\n')
  await until(() => threads().length === before)
})

t.test('the last one that is given up ends the thread, and a new one begins again', async t => {
  const directory = t.testdir({ said: 'again\n' })
  const file = openFile(t, `${directory}/said`)
  const event = openEventfd()
  t.teardown(() => closeFd(event))
  const before = threads().length
  witness({ fd: event, events: READABLE, file }).stop()
  await until(() => threads().length === before)
  t.throws(() => witness({ fd: -1, events: READABLE, file }), /EBADF/)
  await until(() => threads().length === before)
  const { said } = witness({ fd: event, events: READABLE, file })
  writeSync(event, ONE)
  t.equal(await said, 'again\n')
})
