/** Many connections, slow ones, and those that end badly. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { type Inside, makeWorld, openDescriptors, serve, type World } from './world.js'

const skip = { skip: missing('root', 'busybox') }
const NAME = 'outside.test'
/** Of the first name that a container asks for. */
const ADDRESS = '198.18.0.2'

/** A container that has asked for the name: what is connected in its network namespace from here is as if a program did it. */
async function asked(world: World): Promise<Inside> {
  const box = await world.inside(`busybox nslookup ${NAME} >/dev/null; echo asked; sleep 100`)
  const { container } = box
  const said = new Promise(resolve => container.stdout?.once('data', resolve))
  await container.start()
  await said
  return box
}

const worldOf = (t: Test, port: number, options = {}) =>
  makeWorld(t, { allow: [`${NAME}:${port}`], hosts: { [NAME]: '127.0.0.1' }, ...options })

async function connectIn({ container }: Inside, port: number): Promise<Socket> {
  const stream = (await container.network.connect({ address: ADDRESS, port })) as Socket
  // Who expects one listens as well; the end of a test resets what is left.
  return stream.on('error', () => {})
}

t.test('a thousand connections at once, and no descriptor is left', skip, async t => {
  const port = await serve(t, socket => void socket.pipe(socket))
  const box = await asked(worldOf(t, port))
  const before = openDescriptors()
  const talk = async (number: number): Promise<boolean> => {
    const stream = await connectIn(box, port)
    stream.end(`number ${number}`)
    return (await text(stream)) === `number ${number}`
  }
  const all = await Promise.all(Array.from({ length: 1000 }, (_, number) => talk(number)))
  t.equal(all.filter(isRight => isRight).length, 1000)
  await until(() => box.attachment.counts.open === 0)
  t.match(box.attachment.counts, { connections: 1000 })
  await until(() => openDescriptors() <= before)
})

t.test('more than the limit are reset and told', skip, async t => {
  const port = await serve(t, () => {})
  const world = worldOf(t, port, { maxConnections: 10 })
  const box = await asked(world)
  let reset = 0
  const count = (): void => {
    reset += 1
  }
  const open = async (): Promise<Socket | null> => {
    const stream = await connectIn(box, port).catch(count)
    return stream?.on('error', count).resume() ?? null
  }
  const streams = await Promise.all(Array.from({ length: 30 }, open))
  await until(() => reset === 20)
  await until(() => box.attachment.counts.open === 10)
  t.match(world.gateway.denials, [{ reason: 'limit', host: NAME, port }])
  for (const stream of streams) stream?.destroy()
})

/** Connects as often as it is told, all at once, and ends when all but so many have been reset. */
const BURST = `
const { connect } = require('node:net')
const [address, ...numbers] = process.argv.slice(1)
const [port, count, kept] = numbers.map(Number)
let reset = 0
for (let i = 0; i < count; i++)
  connect(port, address).on('error', () => {}).on('close', () => void (++reset === count - kept && process.exit()))
`

t.test('a burst is held to the limit before the event loop has had a turn', skip, async t => {
  const port = await serve(t, () => {})
  const world = worldOf(t, port, { maxConnections: 100 })
  const { container, attachment } = await asked(world)
  const inside = [
    '-t',
    String(container.pid),
    '-n',
    process.execPath,
    '-e',
    BURST,
    ADDRESS,
    String(port),
    '2000',
    '100',
  ]
  // Nothing here goes on until that has ended.
  execFileSync('nsenter', inside, { timeout: 20_000 })
  await until(() => attachment.counts.connections >= 100)
  t.equal(attachment.counts.connections, 100)
  t.match(world.gateway.denials, [{ reason: 'limit', host: NAME, port, count: 1900 }])
})

t.test('nothing is lost of what is sent, in either direction', skip, async t => {
  const bytes = Number(process.env.TRAFFIC_MIB ?? 64) * 1024 * 1024
  const digest = createHash('sha256')
  let sent = ''
  const port = await serve(t, socket => {
    socket.on('data', chunk => digest.update(chunk))
    socket.on('end', () => {
      sent = digest.digest('hex')
      socket.end(`${sent}\n`)
    })
  })
  const box = await worldOf(t, port).inside(`yes 0123456 | head -c ${bytes} | busybox nc ${NAME} ${port}`)
  const told = await box.output()
  const expected = createHash('sha256')
  for (let at = 0; at < bytes; at += 1024 * 1024) expected.update(Buffer.alloc(1024 * 1024, '0123456\n'))
  t.equal(sent, expected.digest('hex'))
  t.equal(told, `${sent}\n`, 'what is said after the end of the other direction comes through')
  t.match(box.attachment.counts, { sent: bytes, received: 65 })
})

t.test('a reader that does not read holds the writer, and little memory', skip, async t => {
  let slow: Socket | null = null
  const port = await serve(t, socket => {
    slow = socket.pause()
  })
  const box = await asked(worldOf(t, port))
  const stream = await connectIn(box, port)
  let written = 0
  const chunk = Buffer.alloc(64 * 1024)
  const write = (): void => {
    while (written < 512 * 1024 * 1024 && stream.write(chunk)) written += chunk.length
  }
  stream.on('drain', write)
  write()
  // What the kernel holds on the way, four sockets with some megabytes each.
  let last = -1
  await until(async () => {
    const isStill = written === last && written > 0
    last = written
    await new Promise(resolve => setTimeout(resolve, 200))
    return isStill && written === last
  })
  t.ok(written < 100 * 1024 * 1024, `${written} bytes were taken`)
  t.ok(process.memoryUsage.rss() < 1024 * 1024 * 1024)
  const outside = slow as Socket | null
  let got = 0
  outside?.on('data', data => (got += data.length)).resume()
  stream.removeListener('drain', write)
  stream.end()
  await once(outside ?? stream, 'end')
  t.equal(got, stream.bytesWritten, 'and all of it comes in the end')
  outside?.end()
})

t.test('a reset on one side is one on the other', skip, async t => {
  const errors: string[] = []
  let heard = ''
  const port = await serve(t, socket => {
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''))
    socket.once('data', data => {
      heard = String(data)
      if (String(data) === 'reset me') socket.resetAndDestroy()
      else socket.resume()
    })
  })
  const box = await asked(worldOf(t, port))
  const first = await connectIn(box, port)
  first.end('reset me')
  await t.rejects(once(first.resume(), 'end'), { code: 'ECONNRESET' } as const)
  const second = await connectIn(box, port)
  second.write('hello')
  // libuv makes an end of a reset that comes with bytes.
  await until(() => heard === 'hello')
  t.match(box.attachment.connections, [{ sent: 5, received: 0 }])
  second.resetAndDestroy()
  await until(() => errors.length === 1)
  t.same(errors, ['ECONNRESET'])
  await until(() => box.attachment.counts.open === 0)
})

t.test('a server that is not there is a reset', skip, async t => {
  const port = await serve(t, socket => socket.destroy())
  const box = await asked(worldOf(t, port + 1 > 65535 ? 1 : port + 1))
  // Before it is seen as connected, or after that.
  const failed = connectIn(box, port + 1).then(stream => once(stream.resume(), 'end'))
  t.match(await failed.catch((error: unknown) => String(error)), /ECONNRESET/)
})

t.test('one direction may end long before the other', skip, async t => {
  let outside: Socket | null = null
  const port = await serve(t, socket => {
    outside = socket
    socket.end('first')
    socket.resume()
  })
  const box = await asked(worldOf(t, port))
  const stream = await connectIn(box, port)
  const said: string[] = []
  stream.on('data', data => said.push(String(data)))
  await once(stream, 'end')
  t.same(said, ['first'])
  t.equal(box.attachment.counts.open, 1)
  stream.end('afterwards')
  await once(outside ?? stream, 'close')
  t.match(box.attachment.counts, { sent: 10, received: 5 })
  await until(() => box.attachment.counts.open === 0)
})

t.test('a program that asks for many names at once holds nobody up', skip, async t => {
  const world = worldOf(t, 1)
  const { container } = await asked(world)
  const question = '\x05other\x0bexample-one\x00\x00\x01\x00\x01'
  const query = Buffer.from(`\x00\x23\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00${question}`, 'latin1')
  const stream = (await container.network.connect({ address: '198.18.0.1', port: 53 })) as Socket
  stream.on('error', () => {})
  const answers = (): number => world.gateway.denials[0]?.count ?? 0
  let turns = 0
  const count = (): void => {
    turns += 1
    if (answers() < 2000) setImmediate(count)
  }
  count()
  stream.write(Buffer.alloc(query.length * 2000, query))
  await until(() => answers() >= 2000)
  t.ok(turns >= 1999, `${turns} turns of the event loop for 2000 answers`)
  stream.destroy()
})

t.test('a policy may come and go in no time, and a container that has ended is no obstacle', skip, async t => {
  const port = await serve(t, socket => void socket.end('x'))
  const { gateway, ...world } = worldOf(t, port)
  const box = await asked({ gateway, ...world })
  const allow = [`${NAME}:${port}`]
  for (let round = 0; round < 20; round++) {
    await gateway.setPolicy({ allow: [] })
    await gateway.setPolicy({ allow })
    await Promise.all([gateway.setPolicy({ allow: [] }), gateway.setPolicy({ allow })])
  }
  t.equal(await text(await connectIn(box, port)), 'x')
  await gateway.setPolicy({ allow: [] })
  await box.container.kill('SIGKILL')
  await box.container.exited
  await gateway.setPolicy({ allow })
})
