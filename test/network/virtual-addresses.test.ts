import t from 'tap'
import { textsOf, type VirtualHost, virtualHosts } from '../../lib/network/virtual-addresses.js'

const everythingIsIdle = { hasRoom: () => true, isIdle: () => true, forget: () => {} }

t.test('the oldest idle names are forgotten, for want of room of any kind', async t => {
  const forgotten: string[] = []
  let servers = 0
  const hosts = virtualHosts({
    most: 4,
    hasRoom: () => servers < 3,
    isIdle: ({ name }) => name !== 'busy',
    forget: ({ name }) => {
      forgotten.push(name)
      servers -= 1
    },
  })
  for (const name of ['busy', 'a', 'b', 'a', 'c']) {
    hosts.of(name)
    servers = hosts.all().length
  }
  t.same(forgotten, ['b'])
  servers = 9
  t.throws(() => hosts.of('d'), RangeError)
  t.same(
    hosts.all().map(({ name }) => name),
    ['busy'],
  )
})

t.test('an address is not given away again while it is still in use', async t => {
  const hosts = virtualHosts({ most: 3, ...everythingIsIdle })
  const kept = hosts.of('kept')
  const addressOf = (host: VirtualHost): string => textsOf(host).join(' ')
  const first = addressOf(hosts.of('first'))
  let next = ''
  let rounds = 0
  for (; rounds < 200_000 && next !== first; rounds++) {
    next = addressOf(hosts.of(`name${rounds}`))
    if (next === addressOf(hosts.of('kept'))) t.fail('the address of another one')
  }
  t.equal(rounds, 2 ** 17 - 5, 'all the others come before')
  t.equal(hosts.at(textsOf(kept)[0] ?? ''), kept)
})
