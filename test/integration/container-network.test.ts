/** Sockets and routes in a container's network namespace, from outside. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { Container, NetworkOptions } from '../../lib/index.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

interface Asked {
  readonly command: string
  readonly network?: NetworkOptions
  readonly change?: (config: TestConfig) => void
}

async function create(t: Test, { command, network = {}, change = () => {} }: Asked): Promise<Container> {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', command]
    change(config)
  })
  return runtime.create({ id: id(), bundle, network })
}

const outputOf = async ({ stdout }: Container): Promise<string> => (stdout === null ? '' : text(stdout))
const openFds = (): number => readdirSync('/proc/self/fd').length

t.test('what a container sends to an address that is local there comes here', skip, async t => {
  const network: NetworkOptions = {
    local: ['198.18.0.0/15', 'fd00:18::/64'],
    listen: [
      { address: '198.18.0.7', port: 443 },
      { address: 'fd00:18::7', port: 443 },
    ],
  }
  const command =
    'for a in 198.18.0.7 fd00:18::7; do echo hello | busybox nc $a 443; done; busybox nc 198.18.0.8 443; echo $?'
  const container = await create(t, { command, network })
  const [four, six] = container.network.listeners
  const met: string[] = []
  const servers = [four, six].map(listener => {
    const server = createServer(socket => {
      met.push(`${socket.localAddress} ${socket.localPort}`)
      socket.end('welcome\n').resume()
    })
    return server.listen({ fd: listener?.take() ?? -1 })
  })
  await container.start()
  t.equal(await outputOf(container), 'welcome\nwelcome\n1\n', 'and nobody listens at the other address')
  t.same(met, ['198.18.0.7 443', 'fd00:18::7 443'])
  for (const server of servers) server.close()
  t.throws(() => four?.take(), RangeError)
})

t.test('what listens in a container is connected to from here', skip, async t => {
  const command = 'busybox nc -l -p 8080 -e /bin/cat; busybox httpd -f -p [::1]:8081'
  const container = await create(t, { command })
  const early = await container.network.connect({ port: 8080 }).catch((error: unknown) => error)
  t.match(early, { errno: 'ECONNREFUSED', path: '127.0.0.1:8080' })
  await container.start()
  const echo = await reach(container, 8080)
  echo.end('through')
  t.equal(await text(echo), 'through')
  const web = await reach(container, 8081)
  web.end('GET / HTTP/1.0\r\n\r\n')
  t.match(await text(web), /^HTTP/, 'what listens on ::1 only')
})

async function reach(container: Container, port: number) {
  let stream: Awaited<ReturnType<Container['network']['connect']>> | null = null
  await until(async () => {
    stream = await container.network.connect({ port }).catch(() => null)
    return stream !== null
  })
  if (stream === null) throw new Error('not reached')
  return stream as Awaited<ReturnType<Container['network']['connect']>>
}

t.test('a thousand connections at once are made by few helpers, and no descriptor is left', skip, async t => {
  const container = await create(t, { command: 'sleep 100' })
  await container.start()
  const [listener] = await container.network.listen({ port: 0 })
  const server = createServer(socket => socket.end('x')).listen({ fd: listener?.take() ?? -1 })
  const port = listener?.port ?? 0
  t.not(port, 0, 'the port that the kernel has chosen')
  const connect = async () => text(await container.network.connect({ port }))
  t.equal(await connect(), 'x')
  const before = openFds()
  const all = await Promise.all(Array.from({ length: 1000 }, connect))
  t.ok(all.every(said => said === 'x'))
  await until(() => openFds() <= before)
  server.close()
})

t.test('listeners that nobody takes are closed with the container', skip, async t => {
  const before = openFds()
  const container = await create(t, {
    command: 'true',
    network: { listen: [{ port: 80 }, { port: 53, protocol: 'udp' }] },
  })
  t.same(
    container.network.listeners.map(({ protocol, address, port }) => ({ protocol, address, port })),
    [
      { protocol: 'tcp', address: '127.0.0.1', port: 80 },
      { protocol: 'udp', address: '127.0.0.1', port: 53 },
    ],
  )
  await container.delete({ force: true })
  await until(() => openFds() <= before)
})

t.test('a container gets the name servers that it is to ask', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.process.args = [
      '/bin/sh',
      '-c',
      'cat /etc/resolv.conf; echo x 2>/dev/null >>/etc/resolv.conf || echo refused',
    ]
    config.root = { path: 'rootfs' }
  })
  const { stdout } = await runtime.run({ bundle, network: { nameservers: ['198.18.0.1', '::1'] } })
  t.equal(stdout, 'nameserver 198.18.0.1\nnameserver ::1\nrefused\n')
})

t.test('an address that is taken is told, and the container is not made', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const listen = [{ port: 80 }, { port: 80 }]
  const before = openFds()
  const error = await runtime.create({ id: id(), bundle, network: { listen } }).catch((error: unknown) => error)
  t.match(error, { errno: 'EADDRINUSE', path: '127.0.0.1:80' })
  await until(() => openFds() <= before)
  t.same(await runtime.list(), [])
})

t.test('what is wrong is told before anything is made', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  const wrong: readonly [object, RegExp][] = [
    [{ local: ['198.18.0.1/15'] }, /no bits set behind it/],
    [{ listen: [{ port: 65536 }] }, /port: must be/],
    [{ listen: [{ port: 1, address: 'localhost' }] }, /address: must be/],
    [{ listen: [{ port: 1, protocol: 'sctp' }] }, /protocol: must be/],
    [{ nameservers: ['one'] }, /nameservers: must be/],
    [{ routes: [] }, /network\.routes/],
    [{ local: '0.0.0.0/0' }, /must be an array/],
  ]
  for (const [network, message] of wrong)
    await t.rejects(runtime.create({ id: id(), bundle, network }), { code: 'ERR_CONFIG_INVALID', message } as const)
  for (const path of [undefined, '/proc/self/ns/net']) {
    configure(({ linux }) => {
      linux.namespaces = (linux.namespaces ?? []).filter(({ type }) => type !== 'network')
      if (path !== undefined) linux.namespaces.push({ type: 'network', path })
    })
    const network = { local: ['10.0.0.0/8'] }
    await t.rejects(runtime.create({ id: id(), bundle, network }), { code: 'ERR_CONFIG_UNSUPPORTED' })
    const container = await runtime.create({ id: id('later'), bundle })
    await t.rejects(container.network.listen({ port: 1 }), { code: 'ERR_CONFIG_UNSUPPORTED' })
    await t.rejects(container.network.addLocal('10.0.0.0/8'), { code: 'ERR_CONFIG_UNSUPPORTED' })
    await container.delete()
  }
  t.notMatch(execFileSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' }), /10\.0\.0\.0\/8/)
})

t.test('a container that has ended has no network', skip, async t => {
  const container = await create(t, { command: 'true' })
  await container.start()
  await container.wait()
  await t.rejects(container.network.connect({ port: 80 }), { code: 'ERR_STATE_STATUS' })
})

t.test('a connection can be given up', skip, async t => {
  const container = await create(t, { command: 'true' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(container.network.connect({ port: 80, signal }), { message: 'enough' })
})

t.test('another process of the same container has its own way in', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  await runtime.create({ id: id(), bundle, network: { listen: [{ port: 80 }] } })
  const other = await runtime.get(id())
  t.match(await other.network.listen({ port: 80 }).catch((error: unknown) => error), { errno: 'EADDRINUSE' })
  const [listener] = await other.network.listen({ port: 81 })
  listener?.close()
})

const ROOTLESS = `
import { createServer } from 'node:net'
import { createRuntime } from '../code/dist/index.js'
const network = { local: ['198.18.0.0/15', 'fd00:18::/64'], listen: [{ address: '198.18.0.7', port: 443 }, { address: 'fd00:18::7', port: 443 }] }
const container = await createRuntime({ log: () => {} }).create({ id: process.argv[2], bundle: '.', network: { ...network, nameservers: ['198.18.0.1'] } })
for (const listener of container.network.listeners) {
  const server = createServer(socket => socket.end('welcome ' + process.getuid() + '\\n').resume()).listen({ fd: listener.take() })
  server.unref()
}
container.stdout.pipe(process.stdout)
container.stderr.pipe(process.stderr)
await container.start()
await container.wait()
await container.delete()
`

t.test('a user without privileges does the same', { skip: missing('root', 'busybox', 'user-namespaces') }, async t => {
  const { directory, bundle, prefix, configure, script } = makeRootlessBundle(t)
  const command = 'cat /etc/resolv.conf; for a in 198.18.0.7 fd00:18::7; do echo x | busybox nc $a 443; done'
  configure(command, config => config.linux.namespaces?.push({ type: 'network' }))
  writeFileSync(join(bundle, 'listen.mjs'), ROOTLESS)
  const { stdout, stderr, status } = script(`${directory}/node listen.mjs ${prefix}`)
  t.equal(stdout, `nameserver 198.18.0.1\nwelcome ${USER}\nwelcome ${USER}\n`, stderr)
  t.equal(status, 0)
})

t.test('the helper that makes sockets is gone when it has made them', skip, async t => {
  const container = await create(t, { command: 'true' })
  await container.network.addLocal('10.1.0.0/16')
  const children = (): string[] =>
    readdirSync('/proc')
      .filter(name => /^[0-9]+$/.test(name))
      .filter(pid => pid !== String(container.pid) && isHelperOfOurs(pid))
  await until(() => children().length === 0)
})

function isHelperOfOurs(pid: string): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return status.startsWith('Name:\ttsrun-init') && status.includes(`PPid:\t${process.pid}\n`)
  } catch {
    return false
  }
}
