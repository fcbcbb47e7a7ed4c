import { spawn } from 'node:child_process'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS } from '../until.js'
import { createError, invalid, until } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }
const withPython = { skip: missing('root', 'busybox', 'python3') }

/** What the script writes on a terminal of its own. */
async function onTerminal(
  t: Parameters<typeof makeBundle>[0],
  script: string,
  change: (config: TestConfig) => void = () => {},
) {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', script]
    change(config)
  })
  return runtime.run({ bundle })
}

t.test('config.md#process: terminal gives all three streams a terminal of the container', skip, async t => {
  const { stdout } = await onTerminal(
    t,
    'for f in 0 1 2; do readlink /proc/self/fd/$f; done; ls /dev/pts; test -t 0 && test -t 1 && test -t 2 && echo yes',
  )
  t.match(stdout, /^(\/dev\/pts\/0\r\n){3}0 +ptmx\r\nyes\r\n$/)
})

t.test('config.md#process: it is the controlling terminal', skip, async t => {
  const { stdout } = await onTerminal(t, 'cat /proc/self/stat; echo reached > /dev/tty')
  const [stat = '', reached] = stdout.split('\r\n')
  const [, , , , , , terminal] = stat.split(' ')
  t.equal(Number(terminal), 0x8800)
  t.equal(reached, 'reached')
})

t.test('config.md#process: what is written to the streams comes out at one end', skip, async t => {
  t.match(await onTerminal(t, 'echo out; echo err >&2; exit 5'), { stdout: 'out\r\nerr\r\n', stderr: '', exitCode: 5 })
})

t.test('config.md#process: consoleSize is the size at the start', skip, async t => {
  const size = (height: number, width: number) =>
    onTerminal(t, 'stty size', config => (config.process.consoleSize = { height, width }))
  t.match(await size(33, 101), { stdout: '33 101\r\n' })
  // busybox takes larger ones for mistakes.
  t.match(await size(29999, 1234), { stdout: '29999 1234\r\n' })
})

t.test('config.md#process: consoleSize without a terminal is ignored', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'test -t 0 || echo none',
    config => (config.process.consoleSize = { height: 70000, width: 1 }),
  )
  t.equal(stdout, 'none\n')
})

t.test('config.md#process: a size that no terminal has is an error', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.process.terminal = true
    config.process.consoleSize = { height: 65536, width: -1 }
  })
  t.match(error, invalid('/process/consoleSize/width'))
})

t.test('config.md#process: an interrupt that is typed reaches the process', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', `trap "echo caught; exit 9" INT; echo ready; ${AWAIT_SIGNALS}`]
  })
  await using container = await runtime.create({ id: id(), bundle })
  let output = ''
  container.terminal?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()))
  await container.start()
  await until(() => output.includes('ready'))
  container.terminal?.write('\x03')
  t.match(await container.wait(), { exitCode: 9 })
  await until(() => output.includes('caught'))
})

t.test('config.md#process: the terminal belongs to the user of the process', skip, async t => {
  const user = { uid: 1000, gid: 1000 }
  const script = 'stat -c "%u %g" /dev/pts/0 /dev/console; echo x > /dev/tty'
  const { stdout } = await onTerminal(t, script, config => (config.process.user = user))
  t.equal(stdout, '1000 5\r\n1000 5\r\nx\r\n')
})

t.test('config.md#process: a terminal without a devpts is refused', skip, async t => {
  const bundle = makeBundle(t)
  const error = await createError(bundle, config => {
    config.process.terminal = true
    config.mounts = config.mounts.filter(({ destination }) => destination !== '/dev/pts')
  })
  t.match(error, { configPath: '/process/terminal' })
})

t.test('config.md#process: the stream of the terminal ends with the process', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', 'echo one; sleep 0.1; echo two']
  })
  await using container = await runtime.create({ id: id(), bundle })
  await container.start()
  let output = ''
  for await (const chunk of container.terminal ?? []) output += Buffer.from(chunk as Uint8Array).toString()
  t.equal(output, 'one\r\ntwo\r\n')
  t.match(await container.wait(), { exitCode: 0 })
})

/** Takes the message of the console socket, tells it and how many descriptors came with it, then reads the terminal to its end. */
const RECEIVER = `
import array, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print('listening', flush=True)
name, ancillary, flags, address = listener.accept()[0].recvmsg(4096, socket.CMSG_SPACE(64))
fds = array.array('i', ancillary[0][2])
print(name.decode(), len(fds), flush=True)
try:
    while data := os.read(fds[0], 4096):
        print(data, flush=True)
except OSError as error:
    print(error.strerror)
`

t.test(
  'config.md#process: the master goes to the console socket, with the name of the terminal',
  withPython,
  async t => {
    const { runtime, bundle, configure, id, directory } = makeBundle(t)
    const receiver = spawn('python3', ['-c', RECEIVER, `${directory}/console`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => receiver.kill())
    let received = ''
    receiver.stdout.on('data', (chunk: Buffer) => (received += chunk))
    await until(() => received !== '')
    configure(config => {
      config.process.terminal = true
      config.process.args = ['/bin/sh', '-c', 'echo over the socket']
    })
    await using container = await runtime.create({ id: id(), bundle, consoleSocket: `${directory}/console` })
    t.equal(container.terminal, null)
    await until(() => received.endsWith('/dev/pts/0 1\n'))
    await container.start()
    t.match(await container.wait(), { exitCode: 0 })
    await until(() => received.includes('Input/output error'))
    t.match(received, "b'over the socket\\r\\n'")
  },
)

t.test('config.md#process: a console socket that is not there is an error that leaves nothing', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.terminal = true))
  const error = await runtime
    .create({ id: id(), bundle, consoleSocket: '/nowhere/socket' })
    .catch((error: unknown) => error)
  t.match(error, { errno: 'ENOENT' })
  t.strictSame(await runtime.list(), [])
})
