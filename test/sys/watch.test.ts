import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { closeFd, closeFds } from '../../lib/sys/beneath.js'
import { openEventfd } from '../../lib/sys/eventfd.js'
import { openPidfd } from '../../lib/sys/processes.js'
import { READABLE, watch } from '../../lib/sys/watch.js'

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

t.test('a wait tells what a file said at the moment, whatever becomes of it afterwards', async t => {
  const directory = t.testdir({ events: 'before\n' })
  const file = openSync(`${directory}/events`, 'r')
  t.teardown(() => closeSync(file))
  const { pidfd, end } = waiting(t)
  const exit = watch(pidfd, READABLE, { file })
  t.equal(exit.said(), null)
  writeFileSync(`${directory}/events`, 'ended\n')
  end()
  await exit.ready
  writeFileSync(`${directory}/events`, 'after\n')
  t.equal(exit.said(), 'ended\n')
})

t.test('without a file it says nothing, and of a long one the beginning', async t => {
  const directory = t.testdir({ long: 'x'.repeat(1000) })
  const file = openSync(`${directory}/long`, 'r')
  t.teardown(() => closeSync(file))
  const [plain, long] = [waiting(t), waiting(t)]
  const exits = [watch(plain.pidfd, READABLE), watch(long.pidfd, READABLE, { file })]
  for (const { end } of [plain, long]) end()
  await Promise.all(exits.map(({ ready }) => ready))
  t.same(
    exits.map(exit => exit.said()),
    [null, 'x'.repeat(248)],
  )
})

t.test('what can not be read says nothing', async t => {
  // A directory, in place of a file of the kernel that is gone by then.
  const file = openSync('/proc', 'r')
  t.teardown(() => closeSync(file))
  const { pidfd, end } = waiting(t)
  const exit = watch(pidfd, READABLE, { file })
  end()
  await exit.ready
  t.equal(exit.said(), null)
})

t.test('of many that are ready at once each is told of, with what its file said', async t => {
  const directory = t.testdir({ said: 'all\n' })
  const file = openSync(`${directory}/said`, 'r')
  const events = Array.from({ length: 100 }, openEventfd)
  t.teardown(() => {
    closeSync(file)
    closeFds(events)
  })
  const waits = events.map((fd, index) => watch(fd, READABLE, { file: index % 2 === 0 ? file : null }))
  for (const fd of events) writeSync(fd, Buffer.from(BigUint64Array.of(1n).buffer))
  await Promise.all(waits.map(({ ready }) => ready))
  t.same(
    waits.map(wait => wait.said()),
    waits.map((_, index) => (index % 2 === 0 ? 'all\n' : null)),
  )
})
