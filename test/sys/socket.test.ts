import { closeSync, openSync, readdirSync } from 'node:fs'
import t from 'tap'
import { closeFd, closeFds } from '../../lib/sys/beneath.js'
import { receiveFd, sendFds, socketPair } from '../../lib/sys/socket.js'

t.test('of descriptors that nobody has asked for none stays open', async t => {
  const [ours, theirs] = socketPair()
  t.teardown(() => closeFds([ours, theirs]))
  const sent = ['/dev/null', '/dev/zero', '/dev/full'].map(path => openSync(path, 'r'))
  t.teardown(() => sent.forEach(closeSync))
  const before = readdirSync('/proc/self/fd').length
  for (const count of [1, 2, 3]) {
    sendFds(theirs, sent.slice(0, count))
    const received = receiveFd(ours)
    t.equal(readdirSync('/proc/self/fd').length, before + 1, `${count} were sent`)
    closeFd(received)
  }
})
