/** The record of what was refused. */
import t from 'tap'
import { type Denial, recordDenials } from '../../lib/network/denials.js'

const denial = { container: 'a', host: 'no.test', port: 80, reason: 'policy' } as const

// What it throws would end what refuses: the closing of a descriptor, or the reading of what others are told.
t.test('who is told is called after what has refused, and once', async t => {
  const told: Denial[] = []
  const denials = recordDenials(one => told.push(one))
  denials.add(denial)
  denials.add(denial, 3)
  t.same(told, [])
  t.match(denials.list(), [{ ...denial, count: 4 }])
  await Promise.resolve()
  t.match(told, [{ ...denial, count: 1 }])
})
