/** An exec while the container ends. */
import t from 'tap'
import { isTsrunError } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const TURNS = 24

t.test(
  'what is wrong is told of the container, and not of files of ours',
  { skip: missing('root', 'busybox') },
  async t => {
    const { runtime, bundle, configure, id } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sleep', '1000']
    })
    for (let turns = 0; turns < TURNS; turns++) {
      const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
      await container.start()
      const added = container.exec({ args: ['/bin/true'], stdio: 'ignore' }).catch((error: unknown) => error)
      for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
      process.kill(container.pid, 'SIGKILL')
      const result = await added
      if (result instanceof Error) {
        t.match(isTsrunError(result) && result.code, /^ERR_(STATE_STATUS|LAUNCH_)/, `after ${turns} turns: ${result}`)
      }
      await container.delete({ force: true })
    }
    t.pass('each ended')
  },
)
