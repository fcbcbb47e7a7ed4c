import t from 'tap'
import { giveWay, inTurn } from '../../lib/sys/turns.js'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const busyFor = (milliseconds: number): void => {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}

t.test('one piece of work in a turn of the event loop, in the order of the calls', async t => {
  const done: string[] = []
  for (const name of ['a', 'b', 'c']) inTurn(() => done.push(name))
  t.strictSame(done, [], 'not before the next turn')
  const seen: number[] = []
  while (done.length < 3) {
    await nextTurn()
    seen.push(done.length)
  }
  t.strictSame(done, ['a', 'b', 'c'])
  t.strictSame(seen, [1, 2, 3], 'others have their turn after each')
})

t.test('a young turn goes on, and a long one gives way', async t => {
  const said: string[] = []
  await new Promise<void>(inTurn)
  setImmediate(() => said.push('other'))
  await giveWay()
  said.push('young')
  busyFor(3)
  await giveWay()
  said.push('long')
  t.strictSame(said, ['young', 'other', 'long'])
})

t.test('who has just begun gives way to those who wait', async t => {
  const said: string[] = []
  await new Promise<void>(inTurn)
  inTurn(() => said.push('waiting'))
  await giveWay()
  said.push('own')
  t.strictSame(said, ['waiting', 'own'])
})
