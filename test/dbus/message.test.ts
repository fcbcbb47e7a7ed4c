import t from 'tap'
import { decodeMessage, encodeCall, KIND, lengthOfMessage } from '../../lib/dbus/message.js'
import { Reading } from '../../lib/dbus/reading.js'
import { type Value, Writing } from '../../lib/dbus/writing.js'

/** `Hello`, put together by hand from the specification; the header's fields in the order in which we write them. */
const HELLO = [
  '6c010001 00000000 01000000 6d000000',
  '01016f00 15000000 2f6f7267 2f667265 65646573 6b746f70 2f444275 73000000',
  '02017300 14000000 6f72672e 66726565 6465736b 746f702e 44427573 00000000',
  '03017300 05000000 48656c6c 6f000000',
  '06017300 14000000 6f72672e 66726565 6465736b 746f702e 44427573 00000000',
].join(' ')

t.test('a call without arguments has the bytes of the specification', async t => {
  const name = 'org.freedesktop.DBus'
  const call = { destination: name, path: '/org/freedesktop/DBus', interface: name, member: 'Hello' }
  t.equal(encodeCall(call, 1).toString('hex'), HELLO.replaceAll(' ', ''))
})

const VALUES: readonly (readonly [type: string, value: Value, hex: string])[] = [
  ['y', 255, 'ff'],
  ['n', -2, 'feff'],
  ['q', 65535, 'ffff'],
  ['i', -1, 'ffffffff'],
  ['u', 4294967295, 'ffffffff'],
  ['b', 1, '01000000'],
  ['x', -1n, 'ffffffffffffffff'],
  ['t', 2n ** 64n - 1n, 'ffffffffffffffff'],
  ['d', 1.5, '000000000000f83f'],
  ['s', 'aé', '0300000061c3a900'],
  ['o', '/a', '020000002f6100'],
  ['g', 'a(sv)', '05612873762900'],
  ['ay', [1, 2], '020000000102'],
  ['at', [5n], '08000000000000000500000000000000'],
  ['at', [], '0000000000000000'],
  ['(ys)', [7, 'x'], '07000000010000007800'],
  ['v', { signature: 'u', value: 9 }, '0175000009000000'],
  ['a{sv}', [['k', { signature: 'y', value: 3 }]], '0a00000000000000010000006b0001790003'],
  [
    'a(sv)',
    [['PIDs', { signature: 'au', value: [77] }]],
    '180000000000000004000000504944730002617500000000040000004d000000',
  ],
]

t.test('values are aligned and written as the specification has them, and read back', async t => {
  for (const [type, value, hex] of VALUES) {
    const writing = new Writing()
    writing.write(type, value)
    t.equal(writing.bytes().toString('hex'), hex, type)
    t.same(new Reading(writing.bytes(), 0, true).read(type), value, `${type}, read`)
  }
})

t.test('what does not fit its type is refused', async t => {
  const write = (type: string, value: Value) => () => new Writing().write(type, value)
  for (const [type, value] of [
    ['y', 256],
    ['u', -1],
    ['i', 2 ** 31],
    ['s', 'a\0b'],
    ['z', 1],
  ] as const)
    t.throws(write(type, value), RangeError, type)
})

t.test('an array in the middle of a message is aligned to the message', async t => {
  const args = [
    { signature: 's', value: 'abc' },
    { signature: 'a(sv)', value: [['a', { signature: 't', value: 7n }]] },
    { signature: 'a(sa(sv))', value: [] },
  ]
  const bytes = encodeCall({ destination: 'a.b', path: '/', interface: 'c.d', member: 'E', args }, 3)
  t.equal(lengthOfMessage(bytes), bytes.length)
  const message = decodeMessage(bytes)
  t.match(message, { kind: KIND.call, interface: 'c.d', member: 'E' })
  t.same(message.read('s'), ['abc'])
  const body = new Reading(bytes, bytes.length - bytes.readUInt32LE(4), true)
  t.same(
    args.map(({ signature }) => body.read(signature)),
    args.map(({ value }) => value),
  )
})

t.test('whatever is received is a message or an error, and never more than was sent', async t => {
  const good = Buffer.from(HELLO.replaceAll(' ', ''), 'hex')
  t.equal(lengthOfMessage(good.subarray(0, 15)), null)
  const seen = new Set<string>()
  let state = 12345
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return state % below
  }
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(good)
    for (let change = 0; change <= random(4); change++) bytes[random(bytes.length)] = random(256)
    try {
      const length = lengthOfMessage(bytes)
      if (length !== null && length <= bytes.length) decodeMessage(bytes.subarray(0, length)).read('')
      seen.add('read')
    } catch (error) {
      seen.add((error as NodeJS.ErrnoException & { errno: string }).errno)
    }
  }
  t.same([...seen].sort(), ['EBADMSG', 'read'])
})
