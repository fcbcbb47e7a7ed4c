/** A gateway as programs in containers meet it: busybox inside, servers on loopback outside. */
import { connect, type Socket } from 'node:net'
import t from 'tap'
import type { AskedConnection, Denial } from '../../lib/network/index.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { makeWorld, openDescriptors, serve } from './world.js'

const skip = { skip: missing('root', 'busybox') }
const LOOPBACK = '127.0.0.1'
/** Says what it was asked, and ends. */
const echo = (socket: Socket) => void socket.pipe(socket)
const BOX = 'busybox'
const ask = (host: string, port: number) => `echo through | ${BOX} nc ${host} ${port} 2>&1; echo "[$?]";`

t.test('a name that is allowed is reached, any other has no address', skip, async t => {
  const port = await serve(t, echo)
  const denials: Denial[] = []
  const { gateway, inside } = makeWorld(t, {
    allow: [`echo.test:${port}`, `*.wide.test:${port}`],
    hosts: { 'echo.test': LOOPBACK, 'a.b.wide.test': LOOPBACK },
    onDenied: denial => denials.push(denial),
  })
  const box = await inside(
    `${ask('echo.test', port)} ${ask('a.b.wide.test', port)} ${ask('other.test', port)} ${ask('wide.test', port)}`,
  )
  const said = await box.output()
  t.match(
    said,
    /^through\n\[0\]\nthrough\n\[0\]\nnc: bad address 'other.test'\n\[1\]\nnc: bad address 'wide.test'\n\[1\]\n$/,
  )
  t.match(denials, [
    { host: 'other.test', port: null, reason: 'policy', container: box.container.id },
    { host: 'wide.test', port: null, reason: 'policy' },
  ])
  t.equal(denials.length, 2, 'each is told once, though A and AAAA are asked')
  t.ok((gateway.denials[0]?.count ?? 0) >= 2)
  t.match(gateway.counts, { connections: 2, open: 0, sent: 16, received: 16 })
})

t.test('a port that is not named, and an address that nobody gave out, are refused and told', skip, async t => {
  const port = await serve(t, echo)
  const denials: Denial[] = []
  const { gateway, inside } = makeWorld(t, {
    allow: [`echo.test:${port}`],
    hosts: { 'echo.test': LOOPBACK },
    onDenied: denial => denials.push(denial),
  })
  const places = [
    ...[`echo.test ${port}`, 'echo.test 1', `198.18.0.99 ${port}`, `8.8.8.8 ${port}`, '8.8.8.8 443'],
    ...[
      '169.254.169.254 80',
      '2001:db8::1 5',
      '64:ff9b::7f00:1 6',
      '127.0.0.1 7',
      '::1 8',
      '0.0.0.0 9',
      '198.18.0.1 853',
    ],
  ]
  const box = await inside(places.map(place => `echo through | ${BOX} nc ${place} 2>&1; echo "[$?]";`).join(' '))
  const said = (await box.output()).split(/\[\d+\]\n/)
  t.same(
    said.map(text => text.replace(/^nc: .*: /, '')),
    ['through\n', ...places.slice(1).map(() => 'Connection refused\n'), ''],
  )
  const told = [
    ...['echo.test 1', `198.18.0.99 ${port}`, `8.8.8.8 ${port}`, '8.8.8.8 443', '169.254.169.254 80'],
    ...['2001:db8::1 5', '64:ff9b::7f00:1 6'],
  ]
  const list = (all: readonly Denial[]) => all.map(({ host, port }) => `${host} ${port}`)
  t.same(list(gateway.denials), told, 'but for those of its own, and of the resolver')
  t.same(list(denials), told)
  t.match(
    gateway.denials,
    told.map(() => ({ reason: 'policy', container: box.container.id, count: 1 })),
  )
})

t.test('a name that resolves to what is near to us is refused, unless the policy names that', skip, async t => {
  const port = await serve(t, echo)
  const reached = `127.0.0.0/8:${port}`
  const lookup = async (name: string) =>
    name === 'metadata.test' ? ['169.254.169.254', 'fd00:ec2::254'] : [LOOPBACK, '::1']
  const allow = [`near.test:${port}`, `metadata.test:${port}`]
  const refused = makeWorld(t, { allow, lookup })
  const box = await refused.inside(`${ask('near.test', port)} ${ask('metadata.test', port)}`)
  t.notMatch(await box.output(), /through/)
  t.same(
    refused.gateway.denials.map(({ host, port: at, reason }) => [host, at, reason]),
    [
      ['near.test', port, 'address'],
      ['metadata.test', port, 'address'],
    ],
  )
  const named = makeWorld(t, { allow: [...allow, reached], lookup })
  const other = await named.inside(`${ask('near.test', port)} ${ask(LOOPBACK, port)}`)
  const said = await other.output()
  t.match(said, /^through\n\[0\]\n/)
  t.match(said, /refused/, 'but the loopback of a container is its own')
  const denied = makeWorld(t, { allow: [...allow, reached], deny: [`${LOOPBACK}/32`, '[::1/128]'], lookup })
  t.notMatch(await (await denied.inside(ask('near.test', port))).output(), /through/, 'what is denied comes first')
})

t.test('the loopback of a container is its own also if a prefix has it', skip, async t => {
  const port = await serve(t, echo)
  const { gateway, inside } = makeWorld(t, { allow: [`0.0.0.0/0:${port}`, `[::/0]:${port}`] })
  const box = await inside(`${ask(LOOPBACK, port)} ${ask('127.9.9.9', port)} ${ask('::1', port)}`)
  t.notMatch(await box.output(), /through/)
  t.same(
    gateway.denials.map(({ host, reason }) => `${host} ${reason}`),
    [`${LOOPBACK} policy`, '127.9.9.9 policy', '::1 policy'],
  )
})

t.test('the address that was looked at is the one that is connected to', skip, async t => {
  const port = await serve(t, echo)
  let asked = 0
  const lookup = async () => (asked++ === 0 ? ['192.0.2.1'] : [LOOPBACK])
  const { gateway, inside } = makeWorld(t, {
    allow: [`rebound.test:${port}`, `192.0.2.1:${port}`],
    lookup,
    connectTimeout: 100,
  })
  const box = await inside(ask('rebound.test', port))
  t.notMatch(await box.output(), /through/)
  t.equal(asked, 1, 'and no other is asked for')
  t.same(gateway.denials, [])
})

t.test('what the lists leave open is asked', skip, async t => {
  const port = await serve(t, echo)
  const asked: AskedConnection[] = []
  const { gateway, inside } = makeWorld(t, {
    deny: ['never.test'],
    ports: [port],
    hosts: { 'yes.test': LOOPBACK },
    lookup: async () => [LOOPBACK],
    onConnect: async connection => {
      asked.push(connection)
      if (connection.host === 'broken.test') throw new Error('no answer')
      return connection.host === 'yes.test' ? 'allow' : 'deny'
    },
  })
  const hosts = ['yes.test', 'no.test', 'broken.test', 'never.test']
  const box = await inside(hosts.map(host => ask(host, port)).join(' '))
  const [yes, no, broken, never] = (await box.output()).split(/\[\d+\]\n/)
  t.equal(yes, 'through\n')
  t.notMatch(`${no}${broken}`, /through/)
  t.match(never, /bad address/)
  t.same(
    asked.map(({ host }) => host),
    ['yes.test', 'no.test', 'broken.test'],
  )
  t.same(
    gateway.denials.map(({ host, reason }) => `${host} ${reason}`),
    ['no.test asked', 'broken.test asked', 'never.test policy'],
  )
})

t.test('the policy changes while a container runs', skip, async t => {
  const port = await serve(t, socket => void socket.write('hello\n'))
  const { gateway, inside } = makeWorld(t, { hosts: { 'late.test': LOOPBACK } })
  const again = ask('late.test', port)
  const box = await inside(`${again} read go; ${BOX} nc late.test ${port} </dev/null; echo over; read go; ${again}`)
  const { attachment, container } = box
  const output = box.output()
  await until(() => gateway.denials.length === 1)
  await gateway.allow(`late.test:${port}`)
  container.stdin?.write('go\n')
  await until(() => attachment.connections.length === 1)
  t.match(attachment.connections, [{ host: 'late.test', port }])
  await gateway.setPolicy({ allow: [] })
  await until(() => attachment.connections.length === 0)
  container.stdin?.end('go\n')
  const [before, after] = (await output).split('over\n')
  t.match(before, /^nc: bad address.*\n\[1\]\n(hello\n)?$/)
  t.match(after, /^nc: bad address.*\n\[1\]\n$/)
  await t.rejects(gateway.allow('x'), { code: 'ERR_CONFIG_INVALID' } as const)
})

t.test('an address that the policy comes to deny is reset, by whatever name it was reached', skip, async t => {
  const port = await serve(t, socket => void socket.write('hello\n'))
  const allow = [`near.test:${port}`, `127.0.0.0/8:${port}`]
  const { gateway, inside } = makeWorld(t, { allow, lookup: async () => [LOOPBACK] })
  const box = await inside(`${BOX} nc near.test ${port} </dev/null; echo over`)
  const output = box.output()
  await until(() => box.attachment.connections.length === 1)
  await gateway.deny('127.0.0.0/16')
  t.match(await output, /over\n$/)
  t.equal(box.attachment.counts.open, 0)
})

t.test('containers of a gateway reach each other by name, and their ports are published', skip, async t => {
  const { gateway, inside } = makeWorld(t, { allow: ['db:8080'] })
  const publish = [{ port: 8080 }, { port: 9999 }]
  const db = await inside(`echo data >/tmp/x; ${BOX} httpd -f -p 8080 -h /tmp`, { name: 'db', allow: [], publish })
  await db.container.start()
  const [web, nobody] = db.attachment.published
  await until(async () => (await fetch(`http://127.0.0.1:${web?.hostPort}/x`).catch(() => null)) !== null)
  t.equal(await (await fetch(`http://127.0.0.1:${web?.hostPort}/x`)).text(), 'data\n')
  const app = await inside(`${BOX} wget -q -O - http://db:8080/x; ${ask('db', 8081)}`)
  t.match(await app.output(), /^data\n.*refused/s)
  const failed = await new Promise(resolve =>
    connect(nobody?.hostPort ?? 0, LOOPBACK)
      .on('error', resolve)
      .resume(),
  )
  t.match(failed, { code: 'ECONNRESET' })
  await t.rejects(inside('true', { name: 'db' }), { code: 'ERR_CONFIG_INVALID' } as const)
  await db.container.delete({ force: true })
  t.equal(gateway.attachments.length, 1, 'a container that is deleted is let go of')
  const gone = await inside(ask('db', 8080))
  t.notMatch(await gone.output(), /data/)
})

t.test('a program may serve on its own loopback at a port that the policy names', skip, async t => {
  const port = await serve(t, echo)
  const { inside } = makeWorld(t, { allow: [`echo.test:${port}`], hosts: { 'echo.test': LOOPBACK } })
  const box = await inside(
    `${ask('echo.test', port)} echo mine >/tmp/x; ${BOX} httpd -p 127.0.0.1:${port} -h /tmp && ${BOX} wget -q -O - http://127.0.0.1:${port}/x; ${ask('echo.test', port)}`,
  )
  t.equal(await box.output(), 'through\n[0]\nmine\nthrough\n[0]\n')
})

t.test('addresses are reached as such only if they are named', skip, async t => {
  const port = await serve(t, echo)
  const { gateway, inside } = makeWorld(t, {
    allow: [`192.0.2.7:${port}`, `203.0.113.0/24:${port}`],
    connectTimeout: 100,
  })
  const box = await inside(`${ask('192.0.2.7', port)} ${ask('192.0.2.8', port)} ${ask('203.0.113.9', port)}`)
  const [named, other, ofPrefix] = (await box.output()).split(/\[\d+\]\n/)
  t.notMatch(named, /refused/)
  t.notMatch(other, /through/, 'a reset, since the gateway has that port at all addresses')
  t.notMatch(ofPrefix, /refused/)
  t.match(gateway.denials, [{ host: '192.0.2.8', port, reason: 'policy' }])
  t.equal(gateway.denials.length, 1)
})

t.test('closing resets what is open, and leaves no descriptor', skip, async t => {
  const port = await serve(t, socket => void socket.write('x'))
  const { gateway, inside } = makeWorld(t, { allow: [`echo.test:${port}`], hosts: { 'echo.test': LOOPBACK } })
  const warm = await inside('true')
  await warm.output()
  await warm.container.wait()
  await warm.container.delete()
  const before = openDescriptors()
  const box = await inside(`${BOX} nc echo.test ${port}; echo over`, { publish: [{ port: 80 }] })
  const output = box.output()
  await until(() => box.attachment.counts.open === 1)
  gateway.close()
  t.match(await output, /over/)
  await box.container.delete({ force: true })
  await until(() => openDescriptors() <= before)
  await t.rejects(gateway.attach(box.container), RangeError)
})

t.test('other types than addresses, and names that are none', skip, async t => {
  const { inside } = makeWorld(t, { allow: ['a.test:443'] })
  const box = await inside(
    `for q in a.test localhost; do ${BOX} nslookup -type=aaaa $q; ${BOX} nslookup -type=mx $q; done; ${BOX} nslookup 127.1`,
  )
  const said = await box.output()
  t.match(said, /fd74:7372:756e::2/)
  t.match(said, /Address: ::1/)
  t.match(said, /NXDOMAIN/)
})
