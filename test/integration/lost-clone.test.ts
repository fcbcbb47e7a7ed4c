/** A process that goes on whose parent does not tell of it, or only after it has failed. */
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { followBrother } from '../../lib/launch/child.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const HOLD_CLONES = [
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  'trace=clone,clone3,unshare',
  '-e',
  'inject=clone,clone3:delay_exit=400000',
]

t.test(
  'what it has cloned is reaped, so that the container can end',
  { skip: missing('root', 'busybox', 'strace') },
  async t => {
    const { bundle, configure, id, runtime } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sleep', '1000']
    })
    const host = ['test/integration/lost-clone/host.mjs', runtime.root, bundle, id()]
    const { stdout } = await promisify(execFile)('strace', [...HOLD_CLONES, process.execPath, ...host])
    t.strictSame(JSON.parse(stdout), { killed: true, code: 'ERR_LAUNCH_DIED', left: [] })
  },
)

t.test(
  'what it has cloned is reaped, also if that tells of a failure first',
  { skip: missing('root', 'busybox', 'strace') },
  async t => {
    const { bundle, id, runtime } = makeBundle(t)
    const host = ['test/integration/lost-clone/unshare.mjs', runtime.root, bundle, id()]
    const failing = [...HOLD_CLONES, '-e', 'inject=unshare:error=ENOSPC']
    const { stdout } = await promisify(execFile)('strace', [...failing, process.execPath, ...host])
    const named = { code: 'ERR_LAUNCH_OP', configPath: '/linux/namespaces', syscall: 'unshare' }
    t.strictSame(JSON.parse(stdout), { ...named, left: '' })
  },
)

t.test('a process that a launch follows is not that of another one', async t => {
  const own = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const named = { pid: own.pid ?? -1, leave: true, since: 0 }
  const child = followBrother(named)
  t.equal(child?.pid, own.pid)
  t.equal(followBrother(named), null)
  child?.release()
  own.kill('SIGKILL')
  // Nothing else keeps the event loop until then.
  await child?.wait()
})
