/** What this process has open for a container, and closes with it. */
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
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
