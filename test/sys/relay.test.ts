import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import { listenInet } from '../../lib/sys/inet.js'
import { hearRelay, type RelayedConnection, relayQuota, serveByRelay } from '../../lib/sys/relay.js'
import { missing } from '../needs.js'
import { openDescriptors, serve } from '../network/world.js'
import { until } from '../until.js'

const address = '127.0.0.1'

/** Nobody is too many. */
const servingBy = (arrived: (connection: RelayedConnection) => void) => ({
  quota: relayQuota(10_000),
  arrived,
  refused: () => {},
})

const NOBODY = servingBy(() => {})

async function callTo(port: number): Promise<Socket> {
  const socket = connect({ port, host: address, allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

t.test('connections that nobody hears of are held up, and none is lost', async t => {
  const port = await serve(t, socket => void socket.end())
  const before = openDescriptors()
  const { fd, port: at } = listenInet({ address, port: 0 })
  const arrived: RelayedConnection[] = []
  const server = serveByRelay(
    fd,
    servingBy(connection => arrived.push(connection)),
  )
  server.route({ address, port })
  // More records than the ring has room for, while this thread is busy with its own.
  const sockets = await Promise.all(Array.from({ length: 700 }, () => callTo(at)))
  const until100 = performance.now() + 100
  while (performance.now() < until100);
  hearRelay()
  for (const socket of sockets) socket.resume().end()
  await until(() => arrived.length === 700 && arrived.every(({ isClosed }) => isClosed))
  t.ok(arrived.every(({ wasConnected }) => wasConnected))
  server.close()
  await until(() => openDescriptors() <= before)
})

t.test('servers with one quota share a limit, and what is above is told', async t => {
  const port = await serve(t, socket => void socket.on('end', () => socket.end()).resume())
  const [one, other] = [listenInet({ address, port: 0 }), listenInet({ address, port: 0 })]
  const quota = relayQuota(5)
  const refused: string[] = []
  const arrived: RelayedConnection[] = []
  const servers = [one, other].map(({ fd }, at) =>
    serveByRelay(fd, {
      quota,
      arrived: connection => void arrived.push(connection),
      refused: (local, count) => void refused.push(...Array.from({ length: count }, () => `${at} ${local.join('.')}`)),
    }),
  )
  for (const server of servers) server.route({ address, port })
  const sockets: Socket[] = []
  for (const at of [0, 0, 0, 1, 1, 1, 0, 0]) {
    // One that is refused may see that before it sees that it is connected.
    const socket = connect({ port: (at === 0 ? one : other).port, host: address, allowHalfOpen: true })
    sockets.push(socket.on('error', () => {}).resume())
    await until(() => {
      hearRelay()
      return arrived.length + refused.length === sockets.length
    })
  }
  t.same(refused, ['1 127.0.0.1', '0 127.0.0.1', '0 127.0.0.1'])
  // The end of one makes room for one.
  sockets[0]?.end()
  await until(() => arrived[0]?.isClosed === true)
  servers[0]?.close()
  ;(await callTo(other.port)).on('error', () => {})
  await until(() => arrived.length === 6)
  for (const connection of arrived) connection.reset()
  await until(() => arrived.every(({ isClosed }) => isClosed))
  servers[1]?.close()
})

t.test('a target that is not there is told, another one may be tried, and what was joined late is closed', async t => {
  const port = await serve(t, socket => void socket.end('there'))
  const { fd, port: at } = listenInet({ address, port: 0 })
  const results: boolean[] = []
  const arrived = async (connection: RelayedConnection): Promise<void> => {
    results.push(await connection.connect({ address, port: 1 }, 10_000))
    results.push(await connection.connect({ address, port }, 10_000))
    await connection.closed
    results.push(await connection.connect({ address, port }, 10_000))
    connection.reset()
  }
  const server = serveByRelay(fd, servingBy(arrived))
  const socket = await callTo(at)
  const chunks: string[] = []
  socket.on('data', chunk => chunks.push(String(chunk)))
  await once(socket, 'end')
  socket.end()
  await until(() => results.length === 3)
  t.same({ results, chunks }, { results: [false, true, false], chunks: ['there'] })
  t.throws(() => server.route({ address: 'no address', port }), { code: 'ERR_SYSTEM' } as const)
  server.close()
  server.close()
  hearRelay()
})

t.test('a wrong address to listen at', async t => {
  t.throws(() => listenInet({ address: '192.0.2.1', port: 0 }), { message: /EADDRNOTAVAIL/ } as const)
  const { fd, port } = listenInet({ address, port: 0 })
  t.throws(() => listenInet({ address, port }), { message: new RegExp(`${port}.*EADDRINUSE`) } as const)
  serveByRelay(fd, NOBODY).close()
  const again = listenInet({ address, port })
  serveByRelay(again.fd, NOBODY).close()
  t.equal(again.port, port, 'an address is free at once when its server is closed')
})

/** Urgent data between others, before and after what it was told back; then the end at once after urgent data. */
const URGENT = `
import socket, sys
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
answer = peer.makefile('rb')
peer.sendall(b'first ')
heard = answer.read(6)
peer.send(b'!', socket.MSG_OOB)
peer.sendall(b' second ' * 1000)
heard += answer.read(8001)
peer.send(b'?', socket.MSG_OOB)
peer.sendall(b' last')
peer.shutdown(socket.SHUT_WR)
print((heard + answer.read()).decode())
`

t.test('urgent data comes in line, and nothing after it is lost', { skip: missing('python3') }, async t => {
  const port = await serve(t, socket => void socket.pipe(socket))
  const { fd, port: at } = listenInet({ address, port: 0 })
  const server = serveByRelay(fd, NOBODY)
  server.route({ address, port })
  const { stdout } = await promisify(execFile)('python3', ['-c', URGENT, String(at)], { timeout: 20_000 })
  t.equal(stdout, `first !${' second '.repeat(1000)}? last\n`)
  server.close()
})

/** Closes the epoll instance that the native thread waits at, as a program that closes descriptors of others does. */
const CLOSED_EPOLL = `
import { closeSync, readdirSync, readlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
const [{ listenInet }, { relayQuota, serveByRelay }] = await Promise.all(['inet', 'relay'].map(name => import(process.cwd() + '/dist/sys/' + name + '.js')))
const polls = () => readdirSync('/proc/self/fd').filter(fd => {
  try { return readlinkSync('/proc/self/fd/' + fd) === 'anon_inode:[eventpoll]' } catch { return false }
})
const target = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
await once(target, 'listening')
const { fd, port } = listenInet({ address: '127.0.0.1', port: 0 })
const threads = () => readdirSync('/proc/self/task').length
const before = polls()
const arrived = []
const server = serveByRelay(fd, { quota: relayQuota(100), arrived: connection => arrived.push(connection), refused: () => {} })
server.route({ address: '127.0.0.1', port: target.address().port })
const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1').on('error', () => {}))
while (arrived.length < 20) await new Promise(resolve => setTimeout(resolve, 5))
for (const fd of polls()) if (!before.includes(fd)) closeSync(Number(fd))
const working = threads()
sockets[0].write('x')
await Promise.all(arrived.map(({ closed }) => closed))
const isThere = threads() === working // it has what the server's handle stands for
server.close()
target.close()
console.log(isThere, arrived.every(one => one.isClosed), sockets.length)
`

t.test('without its epoll instance the thread resets all connections, and frees none that JavaScript has', async t => {
  const words = ['--input-type=module', '-e', CLOSED_EPOLL]
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 20_000 })
  t.equal(stdout, 'true true 20\n')
})

/** Has no descriptor left for the thread. */
const NONE_LEFT = `
import { closeSync, openSync } from 'node:fs'
const [{ listenInet }, { relayQuota, serveByRelay }] = await Promise.all(['inet', 'relay'].map(name => import(process.cwd() + '/dist/sys/' + name + '.js')))
const { fd, port } = listenInet({ address: '127.0.0.1', port: 0 })
const taken = []
try { for (;;) taken.push(openSync('/dev/null')) } catch {}
let told = 'nothing'
try { serveByRelay(fd, { quota: relayQuota(1), arrived() {}, refused() {} }) } catch (error) { told = error.errno }
for (const one of taken) closeSync(one)
console.log(told, listenInet({ address: '127.0.0.1', port }).port === port)
`

t.test('a server that can not be had does not keep its address', async t => {
  const words = ['-c', 'ulimit -n 128; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', NONE_LEFT]
  const { stdout } = await promisify(execFile)('/bin/sh', words, { timeout: 20_000 })
  t.equal(stdout, 'EMFILE true\n')
})
