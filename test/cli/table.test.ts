import t from 'tap'
import { table } from '../../lib/cli/commands/list.js'

const header = ['ID', 'PID', 'OWNER']

t.test('columns are twelve wide at least, and nothing follows the last one', async t => {
  t.equal(table(header, []), 'ID          PID         OWNER\n')
})

t.test('a long cell makes its column wider, by a gap of three', async t => {
  const lines = table(header, [['a-container-with-a-name', '7', 'root']]).split('\n')
  t.same(lines, ['ID                        PID         OWNER', 'a-container-with-a-name   7           root', ''])
})

t.test('width is counted in characters', async t => {
  t.equal(table(['A', 'B'], [['\u{1f980}\u{1f980}', 'x']]), `A           B\n\u{1f980}\u{1f980}          x\n`)
})
