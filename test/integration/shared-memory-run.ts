/** Run by shared-memory.test.ts under strace: a container with hooks, and a process that joins it. */
import t from 'tap'
import { makeBundle } from '../bundle.js'

t.test('create, start, exec and delete', async t => {
  const bundle = makeBundle(t)
  bundle.configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.hooks = { createContainer: [{ path: '/bin/true' }], startContainer: [{ path: '/bin/true' }] }
  })
  const container = await bundle.runtime.create({ id: bundle.id('traced'), bundle: bundle.bundle, stdio: 'ignore' })
  await container.start()
  const child = await container.exec({ args: ['/bin/true'], stdio: 'ignore' })
  await child.wait()
  await container.delete({ force: true })
})
