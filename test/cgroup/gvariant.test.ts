import t from 'tap'
import { parseVariant } from '../../lib/cgroup/systemd/gvariant.js'

const values: Readonly<Record<string, readonly [string, unknown]>> = {
  true: ['b', true],
  '5': ['i', 5n],
  '-0x10': ['i', -16n],
  '010': ['i', 8n],
  'uint64 18446744073709551615': ['t', 2n ** 64n - 1n],
  '@t 7': ['t', 7n],
  'byte 255': ['y', 255n],
  '1.5': ['d', 1.5],
  'double 3': ['d', 3],
  "'it is'": ['s', 'it is'],
  '"a \\"quoted\\" one"': ['s', 'a "quoted" one'],
  "objectpath '/a'": ['o', '/a'],
  "['a', 'b']": ['as', ['a', 'b']],
  '@as []': ['as', []],
  '[uint32 1, 2]': ['au', [1n, 2n]],
  "('/dev/null', 'rw')": ['(ss)', ['/dev/null', 'rw']],
  "[('/dev/null', 'rw'), ('/dev/zero', 'r')]": [
    'a(ss)',
    [
      ['/dev/null', 'rw'],
      ['/dev/zero', 'r'],
    ],
  ],
  "@a(st) [('/dev/vda', 10)]": ['a(st)', [['/dev/vda', 10n]]],
  '<true>': ['v', { signature: 'b', value: true }],
  ' ( 1 , ) ': ['(i)', [1n]],
}

for (const [text, [signature, value]] of Object.entries(values)) {
  t.test(`${text} is a value of type ${signature}.`, async t => {
    t.same(parseVariant(text), { signature, value })
  })
}

const faults: Readonly<Record<string, RegExp>> = {
  '': /ends too early/,
  '[': /ends too early/,
  '[]': /needs its type/,
  '[1, true]': /no value of type i/,
  '1 2': /nothing is expected after/,
  'byte 256': /out of the range/,
  '2147483648': /out of the range/,
  'uint32 -1': /out of the range/,
  "uint32 'one'": /no value of type u/,
  nothing: /can't read/,
  "'open": /can't read/,
  '(1 2)': /expected "," or "\)"/,
  "@(ss) ('a',)": /not as long/,
  '@as (1,)': /no value of type as/,
  __proto__: /can't read/,
}

for (const [text, message] of Object.entries(faults)) {
  t.test(`${JSON.stringify(text)} is refused.`, async t => {
    t.throws(() => parseVariant(text), { name: 'SyntaxError', message })
  })
}

t.test('what is nested too deep is refused, in any way', async t => {
  t.equal(parseVariant(`${'['.repeat(32)}1${']'.repeat(32)}`).signature, `${'a'.repeat(32)}i`)
  for (const token of ['[', '(', '<', 'uint32 ', '@i '])
    t.throws(() => parseVariant(token.repeat(200_000)), { name: 'SyntaxError', message: /more than 64 deep/ }, token)
})
