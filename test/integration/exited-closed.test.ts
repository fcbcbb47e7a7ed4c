/** When an end is told: the process's own, and that of what it has written. */
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ExecProcess } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS, until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

async function running(t: Test) {
  const made = makeBundle(t)
  made.configure(config => {
    config.process.args = ['/bin/sleep', '1000']
  })
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, stdio: 'ignore' })
  await container.start()
  const sh = (command: string) => container.exec({ args: ['/bin/sh', '-c', command] })
  return { ...made, container, sh }
}

/** What has been read so far. */
function listen({ stdout }: Pick<ExecProcess, 'stdout'>) {
  const heard = { text: '' }
  stdout?.on('data', chunk => {
    heard.text += String(chunk)
  })
  return heard
}

t.test('wait resolves when the output has been read, of an exec', skip, async t => {
  const { sh } = await running(t)
  for (let round = 0; round < 50; round++) {
    const process = await sh('echo one; echo two')
    const heard = listen(process)
    const { exitCode } = await process.wait()
    t.strictSame([heard.text, exitCode], ['one\ntwo\n', 0], `round ${round}`)
  }
})

t.test('wait resolves when the output has been read, of a container', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'head -c 300000 /dev/zero; echo end']
  })
  for (let round = 0; round < 10; round++) {
    const container = await runtime.create({ id: id(`c${round}`), bundle })
    const heard = listen(container)
    await container.start()
    t.match(await container.wait(), { exitCode: 0 })
    t.equal(heard.text.length, 300_004)
    await container.delete()
  }
})

t.test('a reader that is slow gets all of it first', skip, async t => {
  const { sh } = await running(t)
  const process = await sh('head -c 200000 /dev/zero')
  let count = 0
  const reading = (async () => {
    for await (const chunk of process.stdout ?? []) {
      count += (chunk as Uint8Array).length
      await sleep(30)
    }
  })()
  await process.wait()
  t.equal(count, 200_000)
  await reading
})

t.test(
  'exited resolves at the end of the process, closed at that of its pipes, wait after the drain limit',
  skip,
  async t => {
    const { container, sh } = await running(t)
    const process = await sh('echo first; (sleep 3; echo late) & exit 4')
    const heard = listen(process)
    const began = performance.now()
    const order: string[] = []
    const tell = (what: string) => () => void order.push(what)
    const all = [
      process.exited.then(tell('exited')),
      process.wait({ drain: 200 }).then(tell('drained')),
      process.closed.then(tell('closed')),
    ]
    t.match(await process.wait({ drain: 200 }), { exitCode: 4 })
    t.ok(performance.now() - began < 2500, 'not the three seconds')
    t.equal(heard.text, 'first\n')
    await Promise.all(all)
    t.strictSame(order, ['exited', 'drained', 'closed'])
    t.equal(heard.text, 'first\nlate\n')
    await container.kill('KILL')
  },
)

t.test('a child in the background that writes all the time holds nobody', skip, async t => {
  const { container, sh } = await running(t)
  const process = await sh('(while echo again; do sleep 0.02; done) & echo own; exit 0')
  const heard = listen(process)
  t.match(await process.wait({ drain: 300 }), { exitCode: 0 })
  t.match(heard.text, /own\n/)
  await container.kill('KILL')
})

t.test('what nobody reads is not waited for, and stays to be read', skip, async t => {
  const { sh } = await running(t)
  const process = await sh('echo kept')
  t.match(await process.closed, { exitCode: 0 })
  t.match(await process.wait(), { exitCode: 0 })
  t.equal(listenLater(await text(process)), 'kept\n')
})

const listenLater = (text: string) => text

async function text({ stdout }: ExecProcess): Promise<string> {
  let all = ''
  for await (const chunk of stdout ?? []) all += String(chunk)
  return all
}

t.test('a drain limit is checked', skip, async t => {
  const { container, sh } = await running(t)
  const process = await sh('exit 0')
  for (const drain of [-1, Number.NaN, '5s' as unknown as number]) {
    await t.rejects(process.wait({ drain }), {
      code: 'ERR_CONFIG_INVALID',
      message: /^drain: must be a number of milliseconds/,
    })
    await t.rejects(container.wait({ drain }), { code: 'ERR_CONFIG_INVALID' })
  }
  await process.wait({ drain: 0 })
})

t.test('a wait can be given up, and the process goes on', skip, async t => {
  const { container, sh } = await running(t)
  const process = await sh('sleep 100')
  const controller = new AbortController()
  const waits = [container.wait({ signal: controller.signal }), process.wait({ signal: controller.signal })]
  setTimeout(() => controller.abort(new Error('enough')), 20)
  for (const waiting of waits) await t.rejects(waiting, { message: 'enough' })
  t.match(await container.state(), { status: 'running' })
  await t.rejects(container.wait({ signal: controller.signal }), { message: 'enough' })
  t.equal(await process.kill(), true)
})

t.test("await using ends a process that was exec'd, and all of it", skip, async t => {
  const { container, sh } = await running(t)
  const before = readdirSync('/proc/self/fd').length
  for (let round = 0; round < 5; round++) {
    const process = await sh('setsid sleep 100 & sleep 100')
    await process[Symbol.asyncDispose]()
    t.match(await process.exited, { signal: 'SIGKILL' })
    await process[Symbol.asyncDispose]()
  }
  t.strictSame(await container.processes(), [container.pid])
  await until(() => readdirSync('/proc/self/fd').length <= before, 'no pipe is left')
})

t.test('stop asks first, and kills what does not go', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', `trap "exit 5" TERM; echo ready; ${AWAIT_SIGNALS}`]
  })
  const polite = await runtime.create({ id: id('polite'), bundle })
  const said = new Promise(resolve => polite.stdout?.once('data', resolve))
  await polite.start()
  await said
  t.match(await polite.stop(), { exitCode: 5 })
  t.match(await polite.stop(), { exitCode: 5 }, 'it has ended')
  const deaf = await runtime.create({ id: id('deaf'), bundle, stdio: 'ignore' })
  await deaf.start()
  t.match(await deaf.stop({ signal: 'SIGUSR2', grace: 50 }), { signal: 'SIGKILL' })
  await t.rejects(deaf.stop({ grace: -1 }), { code: 'ERR_CONFIG_INVALID', message: /^grace/ })
})

t.test("stop of a process that was exec'd", skip, async t => {
  const { sh } = await running(t)
  const polite = await sh(`trap "exit 6" TERM; echo ready; ${AWAIT_SIGNALS}`)
  await new Promise(resolve => polite.stdout?.once('data', resolve))
  t.match(await polite.stop({ grace: 20_000 }), { exitCode: 6 })
  const deaf = await sh('trap "" TERM; echo ready; sleep 100')
  await new Promise(resolve => deaf.stdout?.once('data', resolve))
  t.match(await deaf.stop({ grace: 50 }), { signal: 'SIGKILL' })
})
