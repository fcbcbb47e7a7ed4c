import t from 'tap'
import { canonicalName } from '../../lib/network/name-pattern.js'
import { readPolicy } from '../../lib/network/policy.js'
import { isSpecial } from '../../lib/network/refused-addresses.js'
import { parseIp } from '../../lib/sys/ip-address.js'

const ip = (text: string): Uint8Array => parseIp(text) ?? new Uint8Array(0)

t.test('names are allowed at the ports that are named', async t => {
  const { ofName, portsOf, mayAsk } = readPolicy({
    allow: ['registry.npmjs.org:443', '*.github.com:443,22', 'db:5432', '*:8443'],
    deny: ['evil.github.com', 'gist.github.com:22'],
  })
  t.equal(ofName('registry.npmjs.org', 443), 'allow')
  t.equal(ofName('registry.npmjs.org', 80), 'unknown')
  t.equal(ofName('x.registry.npmjs.org', 443), 'unknown')
  t.equal(ofName('api.github.com', 22), 'allow')
  t.equal(ofName('a.b.github.com', 443), 'allow')
  t.equal(ofName('github.com', 443), 'unknown', 'below it is not the name itself')
  t.equal(ofName('evilgithub.com', 443), 'unknown')
  t.equal(ofName('evil.github.com', 443), 'deny')
  t.equal(ofName('gist.github.com', 22), 'deny')
  t.equal(ofName('gist.github.com', 443), 'allow')
  t.equal(ofName('anything', 8443), 'allow')
  t.same(portsOf('gist.github.com'), [443, 8443])
  t.same(portsOf('db'), [5432, 8443])
  t.notOk(mayAsk('evil.github.com'))
  t.ok(mayAsk('gist.github.com'))
})

t.test('addresses and prefixes are no names, and names no addresses', async t => {
  const policy = readPolicy({
    allow: ['1.2.3.4:80', '10.0.0.0/8:443', '[2001:db8::1]:443', '[fd00::/8]:5432'],
    deny: ['10.1.0.0/16'],
  })
  t.equal(policy.ofAddress(ip('1.2.3.4'), 80), 'allow')
  t.equal(policy.ofAddress(ip('1.2.3.4'), 81), 'unknown')
  t.equal(policy.ofAddress(ip('10.2.0.1'), 443), 'allow')
  t.equal(policy.ofAddress(ip('10.1.0.1'), 443), 'deny')
  t.equal(policy.ofAddress(ip('fd12::1'), 5432), 'allow')
  t.equal(policy.ofAddress(ip('2001:db8::1'), 443), 'allow')
  t.equal(policy.ofName('10.2.0.1', 443), 'unknown')
  t.equal(readPolicy({ allow: ['*:443'] }).ofAddress(ip('8.8.8.8'), 443), 'unknown', 'any name is not any address')
})

t.test('what is denied is so in each way to write it', async t => {
  const policy = readPolicy({
    allow: ['[::/0]:443', '[::ffff:0:0/96]:443'],
    deny: ['8.8.8.0/24', '127.0.0.0/8:443', '[64:ff9b::1.1.1.1]'],
  })
  for (const text of ['::ffff:8.8.8.8', '64:ff9b::808:808', '::ffff:127.0.0.1', '64:ff9b::101:101'])
    t.equal(policy.ofAddress(ip(text), 443), 'deny', text)
  t.equal(policy.ofAddress(ip('::ffff:8.8.9.8'), 443), 'allow')
  t.equal(policy.ofAddress(ip('2001:db8::808:808'), 443), 'allow', 'which leads nowhere else')
})

const WRONG: readonly unknown[] = [
  ...[
    '',
    'a',
    'a:',
    ':443',
    'a:0',
    'a:65536',
    'a:080',
    'a:443,',
    'a:1-2',
    'a b:443',
    '*.*.com:443',
    '*a.com:443',
    'a.*:443',
  ],
  ...[
    '1.2.3:80',
    '127.1:80',
    '0x7f.1:80',
    '10.0.0.1/8:80',
    '2001:db8::1:80',
    '[1.2.3.4]:80',
    'a..b:80',
    '-a:80',
    'a.:80',
  ],
  ...['http://a:80', 'a:80/x', 'ä.de:443', 'a:443:444', '[::1:80', null, 443, `${'a'.repeat(64)}:80`],
]

t.test('what is no entry is told with its place', async t => {
  for (const entry of WRONG) {
    const allow = ['fine:1', entry] as string[]
    t.throws(() => readPolicy({ allow }), {
      code: 'ERR_CONFIG_INVALID',
      message: /^allow\[1\]: must be "HOST:PORT"/,
    } as const)
  }
  t.throws(() => readPolicy({ deny: ['a:x'] }), { message: /^deny\[0\]/ } as const)
  t.throws(() => readPolicy({ allow: 'a:443' as unknown as string[] }), { message: /allow: must be an array/ } as const)
  t.equal(readPolicy({ deny: ['a'] }).ofName('a', 1), 'deny', 'to deny needs no port')
})

t.test('a name is compared in one form', async t => {
  t.equal(canonicalName('WWW.Example.COM.'), 'www.example.com')
  t.equal(canonicalName('_dns.resolver_1'), '_dns.resolver_1')
  for (const text of [
    '',
    '.',
    'a..b',
    'a b',
    '127.1',
    '1.2.3.4',
    '0x7f.0x1',
    'x.0x',
    '2130706433',
    '-a',
    'a-',
    'a\0b',
    'ä',
    `${'a.'.repeat(127)}a`,
  ])
    t.equal(canonicalName(text), null, JSON.stringify(text))
})

const NOT_FOR_EVERYBODY = [
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
  ],
  ...[
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '224.0.0.1',
    '239.1.1.1',
  ],
  ...[
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
  ],
  ...[
    '64:ff9b:1::1',
    'fe80::1',
    'fec0::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001::1',
    '100::1',
    '5f00::1',
    '4000::1',
  ],
]
const FOR_EVERYBODY = [
  ...[
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.0.1',
    '172.32.0.1',
    '192.0.1.1',
    '169.253.1.1',
    '223.255.255.255',
  ],
  ...['2606:4700:4700::1111', '2a00:1450::1', '2001:4860:4860::8888', '::ffff:8.8.8.8', '64:ff9b::808:808'],
]

t.test('addresses that are not for everybody are known, in whatever form', async t => {
  for (const text of NOT_FOR_EVERYBODY) t.ok(isSpecial(ip(text)), text)
  for (const text of FOR_EVERYBODY) t.notOk(isSpecial(ip(text)), text)
})
