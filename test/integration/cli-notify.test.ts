import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'runc', 'python3') }

/** A service that says what is in its arguments, one datagram each, after its environment. */
const SERVICE = `
import os, socket, sys, time
path = os.environ['NOTIFY_SOCKET']
print(path, flush=True)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(path)
for message in sys.argv[1:]:
  s.send(message.encode().decode('unicode_escape').encode())
  time.sleep(0.2)
time.sleep(float(os.environ.get('STAYS', '1')))
sys.exit(3)`

/** A service manager: runs each command of its arguments, and prints what it is told until the last has ended. */
const MANAGER = `
import json, os, socket, subprocess, sys, threading
path, commands = sys.argv[1], json.loads(sys.argv[2])
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
told = []
def listen():
  while True:
    message, fds, _, _ = socket.recv_fds(s, 4096, 4)
    for fd in fds: os.close(fd)
    if message == b'END': return
    told.append(message.decode())
listener = threading.Thread(target=listen, daemon=True)
listener.start()
runs = []
for words in commands:
  child = subprocess.Popen(words, env={**os.environ, 'NOTIFY_SOCKET': path}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if words[-2] == 'run' else None)
  output = child.stdout.read().decode() if child.stdout else ''
  runs.append({'pid': child.pid, 'status': child.wait(), 'output': output})
# What was sent before the end of a command waits in front of this.
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'END', path)
listener.join()
print(json.dumps({'runs': runs, 'told': told}))`

interface Told {
  readonly runs: readonly { readonly pid: number; readonly status: number; readonly output: string }[]
  /** What the manager was told, line by line, without the barrier of the protocol. */
  readonly lines: readonly string[]
  readonly stderr: string
}

type Name = 'tsrun' | 'runc'

/** The same service under both, each command followed by its own id. */
function service(t: Test, messages: readonly string[], env: readonly string[] = []) {
  const box = makeBundle(t)
  box.configure(config => {
    config.ociVersion = '1.0.2'
    delete config.linux.cgroupsPath
    config.process.args = ['/usr/bin/python3', '-c', SERVICE, ...messages]
    config.process.env = ['PATH=/bin', ...env]
    for (const source of ['/usr', '/lib', '/lib64']) {
      config.mounts.push({ destination: source, source, options: ['rbind', 'ro'] })
    }
  })
  const programs = {
    tsrun: [RUNNER, TSRUN, '--root', box.runtime.root],
    runc: ['runc', '--root', join(box.directory, 'runc')],
  }
  const id = (name: Name) => `${box.id()}-${name}`
  t.teardown(() => {
    execute('runc', ['--root', join(box.directory, 'runc'), 'delete', '--force', id('runc')])
  })
  const run = (name: Name, ...commands: readonly (readonly string[])[]): Told => {
    const words = commands.map(command => [...programs[name], ...command, id(name)])
    const socket = join(box.directory, `${name}.sock`)
    const { stdout, stderr } = execute('python3', ['-c', MANAGER, socket, JSON.stringify(words)], { cwd: box.bundle })
    const { runs, told } = JSON.parse(stdout.slice(stdout.lastIndexOf('{"runs"'))) as {
      runs: Told['runs']
      told: string[]
    }
    return {
      runs,
      lines: told.flatMap(text => text.trimEnd().split('\n')).filter(line => line !== 'BARRIER=1'),
      stderr,
    }
  }
  const pid = (name: Name): number =>
    JSON.parse(execute(programs[name][0] ?? '', [...programs[name].slice(1), 'state', id(name)]).stdout).pid
  return { box, id, run, pid }
}

t.test('a container says that it is ready, and its service manager hears it, as with runc', skip, async t => {
  const { run } = service(t, ['STATUS=at work', 'READY=1'])
  for (const name of ['tsrun', 'runc'] as const) {
    const { runs, lines, stderr } = run(name, ['run'])
    t.match(runs, [{ status: 3, output: '/run/notify/notify.sock\n' }], `${name} ${stderr}`)
    t.same(new Set(lines), new Set(['READY=1', `MAINPID=${runs[0]?.pid}`]), `${name}: who stays is the main process`)
  }
})

t.test('what a container says beyond that is not passed on', skip, async t => {
  const { run } = service(t, ['STATUS=x\\nREADY=1\\nMAINPID=1\\nFDSTORE=1', 'STOPPING=1'])
  const { runs, lines } = run('tsrun', ['run'])
  t.same(lines, [`MAINPID=${runs[0]?.pid}`, 'READY=1'])
})

t.test('run --detach and start return when it is ready, and name its process', skip, async t => {
  for (const commands of [[['run', '--detach']], [['create'], ['start']]]) {
    for (const name of ['tsrun', 'runc'] as const) {
      const { run, pid } = service(t, ['READY=1'], ['STAYS=100'])
      const { runs, lines, stderr } = run(name, ...commands)
      t.same(new Set(runs.map(({ status }) => status)), new Set([0]), `${name} ${stderr}`)
      t.same(new Set(lines), new Set(['READY=1', `MAINPID=${pid(name)}`]), `${name} ${commands.join(' ')}`)
    }
  }
})

// runc 1.1 waits for ever then: it looks for /proc/PID, where a zombie still is.
t.test('one that ends without a word ends the waiting', skip, async t => {
  const { run } = service(t, [])
  const { runs, lines } = run('tsrun', ['run', '--detach'])
  t.match(runs, [{ status: 0 }])
  t.same(lines, [])
})

t.test('start refuses one that was created without, and leaves it as it is', skip, async t => {
  const { box, id } = service(t, [])
  const command = commandOn(box)
  t.equal(command(['create', id('tsrun')]).status, 0)
  const outcome = command(['start', id('tsrun')], { env: { NOTIFY_SOCKET: '/nowhere' } })
  t.match(outcome, { status: 1, stderr: /not created with a socket.*NOTIFY_SOCKET/ })
  t.equal(JSON.parse(command(['state', id('tsrun')]).stdout).status, 'created')
})

t.test('a service manager that does not listen is a warning for run, since the container runs', skip, async t => {
  const { box, id } = service(t, ['READY=1'])
  const outcome = commandOn(box)(['run', id('tsrun')], { env: { NOTIFY_SOCKET: '/nowhere' } })
  t.match(outcome, { status: 3, stderr: /level=warning.*could not be told.*\/nowhere.*ENOENT/ })
})

t.test("the library hears it too, and what is exec'd later has no such socket", skip, async t => {
  const { box, id } = service(t, ['READY=1'], ['STAYS=100'])
  await using container = await box.runtime.create({
    id: id('tsrun'),
    bundle: box.bundle,
    stdio: 'ignore',
    notify: true,
  })
  const ready = container.ready()
  await container.start()
  t.equal(await ready, true)
  const process = await container.exec({ args: ['/bin/sh', '-c', 'echo "[$NOTIFY_SOCKET]"'] })
  let output = ''
  for await (const chunk of process.stdout ?? []) output += chunk
  t.equal(output, '[]\n')

  const waiting = container.ready()
  await container.kill('SIGKILL')
  t.equal(await waiting, false, 'it has ended')
})

t.test('without a mount namespace there is no place for the socket', skip, async t => {
  const { box, id } = service(t, [])
  box.configure(config => {
    config.mounts = []
    config.linux = { namespaces: [{ type: 'pid' }] }
    delete config.hostname
  })
  const creating = box.runtime.create({ id: id('tsrun'), bundle: box.bundle, notify: true })
  await t.rejects(creating, { code: 'ERR_CONFIG_INVALID', message: /mount namespace/ })
})
