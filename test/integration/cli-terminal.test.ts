import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { commandOn, execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'python3') }

/** Python code that runs with `command` as the words of `tsrun`, in the bundle. */
function python(box: TestBundle, code: string, ...args: readonly string[]) {
  const prelude = `import array, fcntl, json, os, pty, select, signal, socket, struct, subprocess, sys, termios, time
tsrun = ${JSON.stringify([RUNNER, TSRUN, '--root', box.runtime.root])}
def read_all(fd):
  data = b''
  while select.select([fd], [], [], 20)[0]:
    try: chunk = os.read(fd, 65536)
    except OSError: break
    if not chunk: break
    data += chunk
  return data.decode()
def read_until(fd, text):
  data = ''
  while text not in data and select.select([fd], [], [], 20)[0]: data += os.read(fd, 65536).decode()
  return data
def listen(path):
  server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen(1); return server
def receive(server):
  connection, _ = server.accept()
  message, fds, _, _ = socket.recv_fds(connection, 4096, 4)
  return message.decode(), fds
def set_size(fd, rows, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
`
  return execute('python3', ['-c', prelude + code, ...args], { cwd: box.bundle })
}

/** A container with a terminal that runs a shell command. */
function withTerminal(command: string, t: Parameters<typeof makeBundle>[0]): TestBundle {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', command]
  })
  return box
}

t.test('the console socket gets the master of the terminal, with its name', skip, async t => {
  const box = withTerminal('tty; stty size; read word; echo "got $word"', t)
  const code = `
server = listen(sys.argv[1])
subprocess.run(tsrun + ['create', '--console-socket', sys.argv[1], sys.argv[2]], check=True)
name, [master] = receive(server)
print(name.startswith('/dev/'), os.isatty(master))
set_size(master, 33, 77)
subprocess.run(tsrun + ['start', sys.argv[2]], check=True)
os.write(master, b'word\\n')
print(read_all(master))`
  const { status, stdout, stderr } = python(box, code, join(box.directory, 'console'), box.id())
  t.equal(status, 0, stderr)
  // The terminal echoes what is typed whenever it comes.
  for (const line of ['True True\n', '/dev/pts/0\r\n', '33 77\r\n', 'got word\r\n']) t.match(stdout, line)
})

t.test('the pidfd socket gets a pidfd of the init', skip, async t => {
  const box = makeBundle(t)
  const code = `
server = listen(sys.argv[1])
subprocess.run(tsrun + ['create', '--pidfd-socket', sys.argv[1], sys.argv[2]], check=True)
message, [pidfd] = receive(server)
state = json.loads(subprocess.run(tsrun + ['state', sys.argv[2]], check=True, capture_output=True).stdout)
info = dict(line.split(':', 1) for line in open('/proc/self/fdinfo/%d' % pidfd))
print(message, int(info['Pid']) == state['pid'])`
  const { status, stdout, stderr } = python(box, code, join(box.directory, 'pidfd'), box.id())
  t.same({ status, stdout }, { status: 0, stdout: 'standard True\n' }, stderr)
})

t.test('a terminal and a socket for it must go together', skip, async t => {
  const terminal = withTerminal('true', t)
  for (const words of [['create'], ['run', '-d']]) {
    t.match(commandOn(terminal)([...words, terminal.id()]), {
      status: 1,
      stderr: /cannot allocate tty if tsrun will detach without setting console socket/,
    })
  }
  const socket = '--console-socket=/nowhere'
  const message = /cannot use console socket if tsrun will not detach or allocate tty/
  t.match(commandOn(terminal)(['run', socket, terminal.id()]), { status: 1, stderr: message })
  const none = makeBundle(t)
  t.match(commandOn(none)(['create', socket, none.id()]), { status: 1, stderr: message })
})

t.test('a console socket that nobody listens at undoes the create', skip, async t => {
  const box = withTerminal('true', t)
  const run = commandOn(box)
  t.match(run(['create', '--console-socket', '/nowhere', box.id()]), { status: 1, stderr: /\/nowhere.*ENOENT/ })
  t.match(run(['state', box.id()]), { status: 1, stderr: /does not exist/ })
})

/** Runs tsrun on a terminal of its own, whose settings are compared before and after. */
const ON_A_TERMINAL = `
master, slave = pty.openpty()
set_size(master, 31, 91)
before = termios.tcgetattr(slave)
child = subprocess.Popen(tsrun + ['run', sys.argv[1]], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
  preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
first = read_until(master, 'ready')
during = termios.tcgetattr(slave)
`

/** Until the new size has come through, for at most 30 seconds. */
const AWAIT_SIZE = 'for i in $(yes | head -n 300); do [ "$(stty size)" = "20 60" ] && break; sleep 0.1; done'

t.test("run passes the caller's terminal through: size, keys, output and status", skip, async t => {
  const box = withTerminal(`stty size; echo ready; ${AWAIT_SIZE}; read word; stty size; echo "got $word"; exit 4`, t)
  const code = `${ON_A_TERMINAL}
print('31 91' in first, bool(during[3] & termios.ICANON), bool(during[3] & termios.ISIG))
set_size(master, 20, 60)
os.kill(child.pid, signal.SIGWINCH)
os.write(master, b'keys\\r')
rest = read_until(master, 'got keys')
print('20 60' in rest, 'got keys' in rest, child.wait(20), termios.tcgetattr(slave) == before)`
  const { status, stdout, stderr } = python(box, code, box.id())
  t.same({ status, stdout }, { status: 0, stdout: 'True False False\nTrue True 4 True\n' }, stderr)
})

t.test('lines end on the terminal as with runc', { skip: missing('root', 'busybox', 'python3', 'runc') }, async t => {
  const box = makeBundle(t)
  const code = `
def shown(words, keys):
  master, slave = pty.openpty()
  before = termios.tcgetattr(slave)
  child = subprocess.Popen(words, stdin=slave if keys else subprocess.DEVNULL, stdout=slave, stderr=slave, start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0))
  text = ''
  while child.poll() is None or select.select([master], [], [], 0.2)[0]:
    if select.select([master], [], [], 0.1)[0]: text += os.read(master, 65536).decode()
  return text, child.wait(), termios.tcgetattr(slave) == before
for keys in (True, False):
  theirs = shown(['runc', '--root', sys.argv[2], 'run', sys.argv[1]], keys)
  ours = shown(tsrun + ['run', sys.argv[1]], keys)
  print(ours == theirs, ours, '' if ours == theirs else theirs)`
  box.configure(config => {
    config.ociVersion = '1.0.2'
    config.process.terminal = true
    config.process.args = ['/bin/sh', '-c', 'echo one; echo two; printf "a\\tb"']
  })
  const { status, stdout, stderr } = python(box, code, box.id(), join(box.directory, 'runc'))
  const line = "True ('one\\r\\ntwo\\r\\na\\tb', 0, True) \n"
  t.same({ status, stdout }, { status: 0, stdout: line.repeat(2) }, stderr)
})

t.test('Control-C goes to the container as a key, and the terminal is given back', skip, async t => {
  const box = withTerminal(`trap "exit 6" INT; echo ready; ${AWAIT_SIGNALS}`, t)
  const code = `${ON_A_TERMINAL}
os.write(master, b'\\x03')
print(child.wait(20), termios.tcgetattr(slave) == before)`
  const { status, stdout, stderr } = python(box, code, box.id())
  t.same({ status, stdout }, { status: 0, stdout: '6 True\n' }, stderr)
})

t.test('the terminal is given back when the container is killed', skip, async t => {
  const box = withTerminal('echo ready; sleep 100', t)
  const code = `${ON_A_TERMINAL}
subprocess.run(tsrun + ['kill', sys.argv[1], 'KILL'], check=True)
print(child.wait(20), termios.tcgetattr(slave) == before)`
  const { status, stdout, stderr } = python(box, code, box.id())
  t.same({ status, stdout }, { status: 0, stdout: '137 True\n' }, stderr)
})

t.test('without a terminal of its own run still gives the container one', skip, async t => {
  const box = withTerminal('tty; for i in 1 2 3 4 5 6 7 8 9; do echo $i; done', t)
  const { status, stdout } = commandOn(box)(['run', box.id()])
  t.equal(status, 0)
  t.equal(stdout, ['/dev/pts/0', ...'123456789', ''].join('\n'), 'with line feeds, as for any file')
})

t.test('exec gives it one as well, with line feeds in what is read by a program', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/sleep', '100']))
  const [run, id] = [commandOn(box), box.id()]
  t.equal(run(['run', '-d', id]).status, 0)
  t.match(run(['exec', '-t', id, 'sh', '-c', 'tty; echo two']), { status: 0, stdout: /^\/dev\/pts\/0\ntwo\n$/ })
})

t.test('the terminal is given back if the command fails', skip, async t => {
  const box = withTerminal('sleep 100', t)
  const code = `
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
child = subprocess.run(tsrun + ['run', '--pid-file', '/nowhere/pid', sys.argv[1]], stdin=slave, stdout=slave, stderr=slave)
print(child.returncode, termios.tcgetattr(slave) == before, '/nowhere/' in read_until(master, '/nowhere/'))`
  const { status, stdout, stderr } = python(box, code, box.id())
  t.same({ status, stdout }, { status: 0, stdout: '1 True True\n' }, stderr)
})
