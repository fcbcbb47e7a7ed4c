import t, { type Test } from 'tap'
import { formatIp, formatPrefix, isWithin, parseIp, parsePrefix } from '../../lib/sys/ip-address.js'

function refuseAll(t: Test, parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) t.equal(parse(text), null, text)
}

t.test('addresses are written as they are read, in the shortest form', async t => {
  const same = [
    '0.0.0.0',
    '198.18.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fd00::1',
    '2001:db8::a:0:0:1',
    '1:2:3:4:5:6:7:8',
    '1::',
  ]
  for (const text of same) t.equal(formatIp(parseIp(text) ?? new Uint8Array(4)), text)
  t.equal(formatIp(parseIp('::ffff:1.2.3.4') ?? new Uint8Array(4)), '::ffff:102:304')
  t.equal(formatIp(parseIp('2001:0DB8:0:0:1:0:0:0') ?? new Uint8Array(4)), '2001:db8:0:0:1::')
  t.equal(formatIp(parseIp('0:0:1:0:0:0:0:0') ?? new Uint8Array(4)), '0:0:1::')
})

t.test('what is no address is none', async t => {
  refuseAll(t, parseIp, [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '0x7f.1',
    '127.1',
    ':::',
    '1:2',
    'fe80::1%lo',
    '1.2.3.4 ',
    'a',
  ])
})

t.test('a prefix has no bits behind it', async t => {
  for (const text of ['10.0.0.0/8', '0.0.0.0/0', '1.2.3.4/32', 'fd00::/8', '::/0', '198.18.0.0/15', '10.128.0.0/9'])
    t.equal(formatPrefix(parsePrefix(text) ?? { bytes: new Uint8Array(4), bits: 0 }), text)
  t.equal(formatPrefix(parsePrefix('1.2.3.4') ?? { bytes: new Uint8Array(4), bits: 0 }), '1.2.3.4/32')
  refuseAll(t, parsePrefix, [
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fd00::1/64',
    '::/129',
    '10.192.0.0/9',
  ])
})

t.test('an address is within a prefix of its own family only', async t => {
  const within = (address: string, prefix: string): boolean => {
    const [bytes, found] = [parseIp(address), parsePrefix(prefix)]
    return bytes !== null && found !== null && isWithin(bytes, found)
  }
  t.ok(within('10.255.0.1', '10.0.0.0/8'))
  t.notOk(within('11.0.0.0', '10.0.0.0/8'))
  t.ok(within('198.19.255.255', '198.18.0.0/15'))
  t.notOk(within('198.20.0.0', '198.18.0.0/15'))
  t.ok(within('1.2.3.4', '0.0.0.0/0'))
  t.notOk(within('::', '0.0.0.0/0'))
  t.notOk(within('::ffff:10.0.0.1', '10.0.0.0/8'))
})
