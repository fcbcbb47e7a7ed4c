import { closeSync, readFileSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { openChannel } from '../../lib/launch/channel.js'
import { followChild } from '../../lib/launch/child.js'
import { decodeFrame } from '../../lib/launch/report.js'
import { helperExecutable } from '../../lib/sys/memory.js'
import { startPlaceholder } from '../../lib/sys/placeholder.js'
import { socketPair } from '../../lib/sys/socket.js'
import { spawn } from '../../lib/sys/spawn.js'

/** Memory mappings of this process, whatever they are of. */
const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('\n').length

t.test('What fails before the helper runs is told on the socket, and the process is gone.', async t => {
  const [control, theirs] = socketPair()
  const nothing = 999_999
  const fds = [theirs, theirs, nothing]
  const spawned = spawn({
    executable: helperExecutable(),
    arguments: ['2', '0'],
    fds,
    report: 1,
  })
  closeSync(theirs)
  const child = followChild(spawned)
  const channel = openChannel(control)
  const frame = decodeFrame((await channel.next()) ?? new Uint8Array())
  t.same(frame, { kind: 'unborn', syscall: 'execveat', errno: 'EBADF' })
  t.equal(await channel.next(), null)
  t.match(await child.wait(), { exitCode: 127, signal: null })
  channel.close()
})

t.test('Many may be on their way at once, and leave nothing in our memory.', async t => {
  const round = async (): Promise<void> => {
    const all = await Promise.all(Array.from({ length: 50 }, startPlaceholder))
    for (const { pid } of all) t.match(readlinkSync(`/proc/${pid}/ns/net`), /^net:/)
    for (const { end } of all) await end()
  }
  await round()
  const before = mappings()
  for (let i = 0; i < 5; i++) await round()
  t.ok(mappings() - before < 20, 'their stages are used again')
})

t.test('What is too much for a stage is refused beforehand.', async t => {
  const common = { executable: helperExecutable() }
  t.throws(() => spawn({ ...common, arguments: ['-'], fds: Array.from({ length: 1025 }, () => 0) }), {
    message: /E2BIG/,
  })
  t.throws(() => spawn({ ...common, arguments: ['0123456789012345'], fds: [0] }), { message: /E2BIG/ })
  t.throws(() => spawn({ ...common, arguments: ['-'], fds: [0], report: 1 }), { message: /EINVAL/ })
})
