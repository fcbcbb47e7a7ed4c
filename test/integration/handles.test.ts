import { existsSync } from 'node:fs'
import t from 'tap'
import { createRuntime } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

t.test('a stale handle does nothing to the next container of its id', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const first = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  const looked = await runtime.get(id())
  await first.start()
  await first.delete({ force: true })
  const second = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await second.start()

  for (const stale of [first, looked]) {
    const gone = { code: 'ERR_STATE_NOT_FOUND', id: id() }
    await t.rejects(stale.kill('KILL'), gone, 'kill')
    await t.rejects(stale.kill('KILL', { all: true }), gone, 'kill all')
    await t.rejects(stale.delete(), gone, 'delete')
    await t.rejects(stale.state(), gone, 'state')
    await t.rejects(stale.start(), gone, 'start')
    await t.rejects(stale.pause(), gone, 'pause')
    await t.rejects(stale.resume(), gone, 'resume')
    await t.rejects(stale.exec({ args: ['/bin/true'] }), gone, 'exec')
    await t.rejects(stale.update({ pids: { limit: 5 } }), gone, 'update')
    await t.rejects(stale.stats(), gone, 'stats')
    await t.rejects(stale.events().next(), gone, 'events')
    await stale.delete({ force: true })
    await stale[Symbol.asyncDispose]()
    t.equal((await second.state()).status, 'running')
  }
  t.same(await first.processes(), [], 'none of them is its own')
})

t.test('the end of a handle undoes what that handle has made, and nothing else', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  {
    await using made = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    await made.start()
    const other = createRuntime({ root: runtime.root })
    {
      await using found = await other.get(id())
      t.equal(found.pid, made.pid)
    }
    for (const listed of await other.list()) await listed[Symbol.asyncDispose]()
    t.equal((await made.state()).status, 'running')
  }
  t.notOk(existsSync(`${runtime.root}/${id()}`))
})
