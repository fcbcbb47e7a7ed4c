import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BusError, openBus } from '../../lib/dbus/bus.js'
import { socketPaths } from '../../lib/dbus/bus-address.js'
import { missing } from '../needs.js'

const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' }
const NAME_ACQUIRED = { interface: BUS.interface, member: 'NameAcquired', signature: 's' }

/** The path of a socket has 107 bytes at most. */
function shortFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-bus-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Sets a variable of the environment for the length of a test. */
function setAddress(t: Test, address: string | undefined): void {
  const before = process.env.DBUS_SESSION_BUS_ADDRESS
  const set = (value: string | undefined): void => {
    if (value === undefined) delete process.env.DBUS_SESSION_BUS_ADDRESS
    else process.env.DBUS_SESSION_BUS_ADDRESS = value
  }
  set(address)
  t.teardown(() => set(before))
}

async function startDaemon(t: Test): Promise<void> {
  const path = join(shortFolder(t), 'bus')
  const words = ['--session', '--nofork', '--nopidfile', '--print-address=1', `--address=unix:path=${path}`]
  const daemon = spawn('dbus-daemon', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    daemon.kill('SIGKILL')
    if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, 'exit')
  })
  const [line] = (await once(daemon.stdout, 'data')) as [Buffer]
  setAddress(t, String(line).trim())
}

const options = { signal: NAME_ACQUIRED, onSignal: () => {}, limitMs: 10_000 }

t.test('calls, errors and signals of a real bus', { skip: missing('dbus-daemon') }, async t => {
  await startDaemon(t)
  const names: string[] = []
  const bus = await openBus('user', { ...options, onSignal: ([name = '']) => void names.push(name) })
  t.teardown(() => bus.close())
  t.match(await bus.call({ ...BUS, member: 'GetId' }, 's'), [/^[0-9a-f]{32}$/])
  const name = { signature: 's', value: 'org.tsrun.Test' }
  t.same(await bus.call({ ...BUS, member: 'NameHasOwner', args: [name] }, 'b'), ['0'])
  t.same(await bus.call({ ...BUS, member: 'RequestName', args: [name, { signature: 'u', value: 0 }] }, 'u'), ['1'])
  await bus.until(() => names.includes('org.tsrun.Test'))
  t.same(await bus.call({ ...BUS, member: 'NameHasOwner', args: [name] }, 'b'), ['1'])
  const unknown = bus.call({ ...BUS, member: 'NoSuchCall' })
  await t.rejects(unknown, { name: 'org.freedesktop.DBus.Error.UnknownMethod', message: /NoSuchCall/ })
  t.ok((await unknown.catch((error: unknown) => error)) instanceof BusError)
  await t.rejects(bus.call({ ...BUS, member: 'GetId' }, 'u'), { message: /EBADMSG/ }, 'not the reply that is asked for')
})

/** A server at a socket that answers each chunk with the next of these. */
async function answering(t: Test, answers: readonly string[]): Promise<void> {
  const path = join(shortFolder(t), 'socket')
  const left = [...answers]
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write(Buffer.from(left.shift() ?? '', 'latin1')))
    t.teardown(() => socket.destroy())
  })
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  setAddress(t, `unix:path=${path}`)
}

t.test('a bus that does not want us, and one that is none', async t => {
  await t.test('rejected', async t => {
    await answering(t, ['REJECTED EXTERNAL\r\n'])
    await t.rejects(openBus('user', options), { message: /EACCES/ })
  })
  await t.test('without an end', async t => {
    await answering(t, ['x'.repeat(10_000)])
    await t.rejects(openBus('user', options), { message: /EBADMSG/ })
  })
  await t.test('no message', async t => {
    await answering(t, ['DATA\r\nOK 0\r\n', 'HTTP/1.1 400 Bad Request\r\n'])
    await t.rejects(openBus('user', options), { message: /EBADMSG/ })
  })
  await t.test('a length of 4 GiB', async t => {
    await answering(t, ['DATA\r\nOK 0\r\n', 'l\x02\x01\x01\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00'])
    await t.rejects(openBus('user', options), { message: /EBADMSG/ })
  })
  await t.test('silent', async t => {
    await answering(t, ['DATA\r\nOK 0\r\n'])
    await t.rejects(openBus('user', { ...options, limitMs: 50 }), { message: /ETIMEDOUT/ })
  })
  await t.test('nobody', async t => {
    setAddress(t, 'unix:path=/no/such/bus')
    await t.rejects(openBus('user', options), { message: /ENOENT/ })
  })
})

t.test('addresses', async t => {
  setAddress(t, 'tcp:host=x;unix:path=/a%20b,guid=1;unix:abstract=x;unix:guid=2,path=/c')
  t.same(socketPaths('user'), ['/a b', '/c'])
  setAddress(t, 'unix:abstract=x')
  t.throws(() => socketPaths('user'), { message: /EAFNOSUPPORT/ })
})
