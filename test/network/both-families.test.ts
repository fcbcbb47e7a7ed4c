/** A gateway over IPv6, on both of its sides. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { makeWorld, serve } from './world.js'

const skip = { skip: missing('root', 'busybox') }
/** Of the first name that a container asks for. */
const VIRTUAL = 'fd74:7372:756e::2'
const ask = (host: string, port: number) => `echo through | busybox nc ${host} ${port} 2>&1; echo "[$?]";`

t.test('a name is reached at its address of IPv6, from IPv4, and the other way round', skip, async t => {
  const [four, six] = [await serve(t, socket => void socket.pipe(socket)), await serve(t, s => void s.pipe(s), '::1')]
  const { gateway, inside } = makeWorld(t, {
    allow: [`six.test:${six}`, `looked.test:${six}`, `four.test:${four}`, `[::1]:${six}`],
    hosts: { 'six.test': '::1', 'four.test': '127.0.0.1' },
    lookup: async () => ['::1'],
  })
  const lookFirst = 'busybox nslookup four.test >/dev/null;'
  const box = await inside(`${lookFirst} ${ask(VIRTUAL, four)} ${ask('six.test', six)} ${ask('looked.test', six)}`)
  t.equal(await box.output(), 'through\n[0]\n'.repeat(3))
  t.match(gateway.counts, { connections: 3, sent: 24, received: 24 })
  t.ok(box.attachment.hasIPv6)
  t.same(gateway.denials, [])
})

t.test('what is denied, or special, is so at addresses of IPv6', skip, async t => {
  const port = await serve(t, socket => void socket.pipe(socket), '::1')
  const { gateway, inside } = makeWorld(t, {
    allow: [`near.test:${port}`, `mapped.test:${port}`, `private.test:${port}`, `[fd00::/8]:1`],
    lookup: async name =>
      name === 'near.test' ? ['::1'] : name === 'mapped.test' ? ['::ffff:127.0.0.1', '64:ff9b::7f00:1'] : ['fd12::1'],
  })
  const names = ['near.test', 'mapped.test', 'private.test']
  const box = await inside(`${names.map(name => ask(name, port)).join(' ')} ${ask('fe80::1', port)}`)
  t.notMatch(await box.output(), /through/)
  t.same(
    gateway.denials.map(({ host, reason }) => `${host} ${reason}`),
    names.map(name => `${name} address`),
    'a link-local address has no route without its device',
  )
})

t.test('a port is published at an address of IPv6', skip, async t => {
  const { inside } = makeWorld(t, {})
  const publish = [{ port: 8080, hostAddress: '::1' }]
  const box = await inside('echo data >/tmp/x; busybox httpd -f -p [::1]:8080 -h /tmp', { publish })
  await box.container.start()
  const [web] = box.attachment.published
  t.match(web, { hostAddress: '::1', port: 8080 })
  const get = async (): Promise<string> => {
    const socket = connect({ host: '::1', port: web?.hostPort ?? 0 })
    socket.write('GET /x HTTP/1.0\r\n\r\n')
    return text(socket).catch(() => '')
  }
  await until(async () => (await get()).endsWith('data\n'))
})

t.test('limits may be as large as a number can be', skip, async t => {
  const port = await serve(t, socket => void socket.pipe(socket))
  const most = Number.MAX_SAFE_INTEGER
  const { inside } = makeWorld(t, {
    ...{ maxConnections: most, connectTimeout: most, lookupTimeout: most },
    allow: [`slow.test:${port}`, `127.0.0.1:${port}`],
    lookup: async () => new Promise(resolve => setTimeout(() => resolve(['127.0.0.1']), 50)),
  })
  t.equal(await (await inside(ask('slow.test', port))).output(), 'through\n[0]\n')
})

t.test('an answer of onConnect may come at once', skip, async t => {
  const port = await serve(t, socket => void socket.pipe(socket))
  const { gateway, inside } = makeWorld(t, {
    ports: [port],
    hosts: { 'yes.test': '127.0.0.1', 'no.test': '127.0.0.1' },
    onConnect: ({ host }) => (host === 'yes.test' ? 'allow' : 'deny'),
  })
  const box = await inside(`${ask('yes.test', port)} ${ask('no.test', port)}`)
  const [yes, no] = (await box.output()).split('[0]\n')
  t.equal(yes, 'through\n')
  t.notMatch(no, /through/)
  t.match(gateway.denials, [{ host: 'no.test', reason: 'asked' }])
})
