import t from 'tap'
import { fuzz } from './fuzz.js'

t.test(
  'two thousand mutated configurations are accepted or refused with a typed error, within a second each',
  async t => {
    const { answers, faults, slowest } = fuzz({ count: 2000, seed: 1 })
    t.same(faults.slice(0, 3), [])
    t.comment(JSON.stringify({ ...answers, slowest }))
    t.ok(answers.accepted > 200, 'enough of them are still valid')
    t.ok(answers.invalid > 200, 'enough of them are not')
    t.ok(answers.host > 10, 'some need what the host does not have')
  },
)

t.test('the same seed makes the same documents', async t => {
  t.same(fuzz({ count: 50, seed: 7 }).answers, fuzz({ count: 50, seed: 7 }).answers)
})
