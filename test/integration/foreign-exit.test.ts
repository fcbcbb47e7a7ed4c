/** The end of containers whose owner is gone. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

t.test('wait tells how a container ended whose owner has crashed', { skip: missing('root', 'busybox') }, async t => {
  const { directory, bundle, configure, runtime, id } = makeBundle(t)
  const ends: [string, object][] = [
    ['exit 7', { exitCode: 7, signal: null }],
    ['exit 0', { exitCode: 0, signal: null }],
    ['sleep 100', { exitCode: null, signal: 'SIGKILL' }],
  ]
  for (const [index, [command, expected]] of ends.entries()) {
    configure(config => {
      config.process.args = ['/bin/sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.05; done; exec sh -c "$0"', command]
    })
    const own = id(`c${index}`)
    const owner = `
      import { createRuntime } from '${process.cwd()}/dist/index.js'
      const runtime = createRuntime({ root: '${directory}/state' })
      const container = await runtime.create({ id: '${own}', bundle: '${bundle}', stdio: 'ignore' })
      await container.start()
      process.kill(process.pid, 'SIGKILL')`
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', owner])
    t.equal(signal, 'SIGKILL')
    const container = await runtime.get(own)
    const waits = [container.wait(), (await runtime.get(own)).exited]
    if (command.startsWith('sleep')) await container.kill('KILL')
    else await container.run({ args: ['/bin/touch', '/tmp/go'] })
    for (const waiting of waits) t.match(await waiting, expected, command)
  }
})
