/** What this process has open for a container, and closes with it. */
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Container, Readable } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = missing('root', 'busybox')
const openFds = (): number => readdirSync('/proc/self/fd').length

/** Streams close in a later turn of the event loop; the thread that waits for descriptors goes after a second. */
async function settlesAt(count: number): Promise<number> {
  for (let left = 50; left > 0 && openFds() > count; left--) await sleep(100)
  return openFds()
}

t.test('standard input that nobody ends is closed with the container', { skip }, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sleep', '1000']
  })
  const cycle = async (name: string): Promise<void> => {
    const container = await runtime.create({ bundle, id: id(name) })
    await container.start()
    await container.exec({ args: ['/bin/true'] }).then(process => process.wait())
    await container.delete({ force: true })
  }
  await cycle('first')
  const before = await settlesAt(0)
  for (let count = 0; count < 5; count++) await cycle(`c${count}`)
  t.equal(await settlesAt(before), before)
})

t.test('a process that ends while its standard input is written to is no error', { skip }, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/true']
  })
  const container = await runtime.create({ bundle, id: id() })
  container.stdin?.write('x'.repeat(1024 * 1024))
  await container.start()
  t.match(await container.wait(), { exitCode: 0 })
  container.stdin?.end('more')
  await container.delete()
})

t.test('streams that nobody reads are closed with the container, and what is in them is dropped', { skip }, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  const noisy = ['/bin/sh', '-c', 'head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2']
  const closes = (stream: Readable | null) => new Promise<void>(resolve => stream?.once('close', resolve))
  const cycle = async (name: string, remove: (container: Container) => Promise<void>): Promise<void> => {
    const container = await runtime.create({ bundle, id: id(name) })
    const process = await container.exec({ args: noisy })
    const other = await container.exec({ args: noisy, terminal: true })
    await container.start()
    const all = [container.stdout, container.stderr, process.stdout, process.stderr, other.terminal]
    const closed = Promise.all(all.map(closes))
    await remove(container)
    await closed
    t.match(await container.closed, { signal: 'SIGKILL' })
  }
  configure(config => {
    config.process.args = noisy
  })
  const byHandle = (container: Container) => container.delete({ force: true })
  const byId = (container: Container) => runtime.delete(container.id, { force: true })
  await cycle('first', byHandle)
  const before = await settlesAt(0)
  for (let count = 0; count < 4; count++) await cycle(`c${count}`, count % 2 === 0 ? byHandle : byId)
  t.equal(await settlesAt(before), before)
})

t.test('who has begun to read gets the rest after the delete', { skip }, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'head -c 50000 /dev/zero']
  })
  const container = await runtime.create({ bundle, id: id() })
  const { stdout } = container
  const heard = new Promise<void>(resolve => stdout?.once('readable', resolve))
  await container.start()
  await heard
  await container.exited
  await container.delete()
  let length = 0
  for await (const chunk of stdout ?? []) length += (chunk as Uint8Array).length
  t.equal(length, 50_000)
})

t.test(
  'streams that are ignored have nothing to read, take what is written, and are closed once',
  { skip },
  async t => {
    const { runtime, bundle, configure, id } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sh', '-c', 'cat; echo lost >&2; echo kept']
    })
    const cycle = async (name: string): Promise<void> => {
      const container = await runtime.create({ bundle, id: id(name), stdio: ['ignore', 'pipe', 'ignore'] })
      const said: Buffer[] = []
      container.stdout?.on('data', chunk => said.push(chunk))
      await container.start()
      t.match(await container.wait(), { exitCode: 0 })
      t.equal(Buffer.concat(said).toString(), 'kept\n')
      await container.delete()
      const broken = runtime.create({ bundle, id: id(`${name}-broken`), stdio: ['ignore', 'ignore', 999_999] })
      await t.rejects(broken, { code: 'ERR_CONFIG_INVALID' })
    }
    await cycle('first')
    const before = await settlesAt(0)
    for (let count = 0; count < 3; count++) await cycle(`c${count}`)
    t.equal(await settlesAt(before), before)
  },
)
