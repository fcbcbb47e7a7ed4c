/** The flags of `checkpoint` and `restore`, one by one. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { commandOn, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'criu', 'python3'), timeout: 120_000 }

interface Box extends TestBundle {
  readonly run: ReturnType<typeof commandOn>
  /** A file of the folder that is /both in the container. */
  readonly both: (name: string) => string
  /** The last number that the program has written to `count` there, or -1. */
  readonly counted: () => number
  /** The flag for a directory of that name. */
  readonly images: (name: string) => readonly [string, string]
}

/** A container of a Python program, with the programs of the host, read-only. */
function boxWith(t: Test, program: (both: string) => string): Box {
  const box = makeBundle(t)
  const both = (name: string): string => join(box.directory, 'both', name)
  mkdirSync(join(box.directory, 'both'))
  writeFileSync(both('program.py'), `${PRELUDE}${program(both('.'))}`)
  writeFileSync(both('count'), '-1')
  box.configure(config => {
    config.process.args = ['/usr/bin/python3', '/both/program.py']
    const bind = (path: string, source: string, option: string) =>
      config.mounts.push({ destination: path, type: 'bind', source, options: ['rbind', option] })
    for (const path of ['/usr', '/lib', '/lib64']) bind(path, path, 'ro')
    bind('/both', both('.'), 'rw')
    // CRIU connects to sockets by their names, which have to be the same inside.
    bind(both('.'), both('.'), 'rw')
    // Sockets that are connected to such of another network namespace can't be saved.
    if (program(both('.')).includes('AF_UNIX'))
      config.linux.namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'network') ?? []
  })
  const counted = (): number => Number(readFileSync(both('count'), 'utf8') || '-1')
  const images = (name: string): [string, string] => ['--image-path', join(box.directory, name)]
  return { ...box, run: commandOn(box), both, counted, images }
}

const PRELUDE = `
import fcntl, os, socket, time
if not os.isatty(0):
  for fd in (0, 1, 2): os.dup2(os.open('/dev/null', os.O_RDWR), fd)
def turns():
  for count in range(3000):
    yield count
    with open('/both/new', 'w') as file: file.write(str(count))
    os.rename('/both/new', '/both/count')
    time.sleep(0.02)
`

async function goesOn({ counted }: Box, what: string): Promise<void> {
  const before = counted()
  await until(() => counted() > before, what)
}

/** Each is refused without its flag by what CRIU says then, and the container goes on. */
async function refuseEach(t: Test, box: Box, needed: Readonly<Record<string, RegExp>>): Promise<void> {
  const flags = Object.keys(needed)
  t.match(box.run(['run', '--detach', box.id()]), { status: 0 })
  await goesOn(box, 'its first number')
  for (const [flag, stderr] of Object.entries(needed)) {
    const others = flags.filter(other => other !== flag)
    t.match(box.run(['checkpoint', ...box.images(`without${flag}`), ...others, box.id()]), { status: 1, stderr }, flag)
    await goesOn(box, `without ${flag}`)
  }
  t.match(box.run(['checkpoint', ...box.images('images'), ...flags, box.id()]), { status: 0, stderr: '' })
}

/** Something of each kind that CRIU saves only if it is told to. It counts with every byte that has gone through the connection. */
const HOLDER = `
lock = open('/tmp/lock', 'w'); fcntl.flock(lock, fcntl.LOCK_EX)
named = open('/tmp/one', 'w'); os.link('/tmp/one', '/tmp/two'); os.unlink('/tmp/one')
server = socket.create_server(('127.0.0.1', 9000))
near = socket.create_connection(('127.0.0.1', 9000)); far = server.accept()[0]
pending = socket.create_connection(('127.0.0.1', 9000))
for count in turns():
  try:
    near.send(b'x')
    if far.recv(1) != b'x': break
  except OSError: break
  named.write('%d\\n' % count); named.flush()
open('/both/end', 'w').write('closed')
time.sleep(100)
`

t.test('locks, links, connections: each has its flag; they are restored with them, or closed', skip, async t => {
  const box = boxWith(t, () => HOLDER)
  const { run, images, id } = box
  await refuseEach(t, box, {
    '--file-locks': /locks/i,
    '--link-remap': /link-remap/,
    '--tcp-established': /established/i,
    '--tcp-skip-in-flight': /in-flight/i,
  })
  const restore = (...flags: string[]) => run(['restore', '--detach', ...images('images'), ...flags, id()])
  t.match(restore('--file-locks'), { status: 1, stderr: /tcp/i }, 'connections are not restored without the flag')
  const isLocked = (): boolean => run(['exec', id(), '/usr/bin/flock', '-n', '/tmp/lock', 'true']).status === 1
  for (const locks of [[], ['--file-locks']]) {
    t.match(run(['delete', '--force', id()]), { status: 0 })
    t.match(restore('--tcp-established', ...locks), { status: 0, stderr: '' })
    await goesOn(box, 'restored')
    t.equal(isLocked(), locks.length > 0)
  }
  const [first, ...rest] = run(['exec', id(), 'cat', '/tmp/two']).stdout.trimEnd().split('\n').map(Number)
  t.equal(first, 0)
  t.equal(rest.at(-1), rest.length, 'no number is missing')
  t.match(run(['delete', '--force', id()]), { status: 0 })
  t.match(restore('--file-locks', '--tcp-close'), { status: 0, stderr: '' })
  await until(() => existsSync(box.both('end')), 'the end of the connection')
})

/** Says each message that comes to an AF_UNIX socket. */
const LISTENER = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); server.bind(sys.argv[1])
print('ready', flush=True)
while True: print(server.recv(100).decode(), flush=True)
`

/** The lines that a Python program has said so far, which begins with one. */
async function sayer(t: Test, program: string, argument: string): Promise<() => readonly string[]> {
  const child = spawn('python3', ['-c', program, argument], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', text => (said += text))
  await until(() => said.includes('\n'), 'its first line')
  return () => said.trimEnd().split('\n')
}

t.test('a socket whose other end is outside is saved with --ext-unix-sk', skip, async t => {
  const box = boxWith(
    t,
    both => `outside = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); outside.connect('${both}/socket')
for count in turns(): outside.send(b'%d' % count)`,
  )
  const said = await sayer(t, LISTENER, box.both('socket'))
  await refuseEach(t, box, { '--ext-unix-sk': /extern/i })
  const last = said().length
  t.match(box.run(['restore', '--detach', ...box.images('images'), '--ext-unix-sk', box.id()]), {
    status: 0,
    stderr: '',
  })
  await until(() => said().length > last, 'it is heard again')
})

t.test('cgroups in each mode, directories by links, the pid, what is only accepted', skip, async t => {
  const box = boxWith(t, () => 'for count in turns(): pass')
  const { run, images, id } = box
  mkdirSync(join(box.directory, 'logs'))
  symlinkSync(join(box.directory, 'logs'), join(box.directory, 'work'))
  t.match(run(['run', '--detach', id()]), { status: 0 })
  await goesOn(box, 'its first number')
  t.match(run(['checkpoint', ...images('running'), '--leave-running', id()]), { status: 0, stderr: '' })
  await goesOn(box, '--leave-running')
  const pidFile = join(box.directory, 'pid')
  for (const mode of ['soft', 'full', 'strict', 'ignore']) {
    const paths = [...images(mode), '--work-path', join(box.directory, 'work')]
    const saved = [...paths, '--manage-cgroups-mode', mode, '--auto-dedup', '--shell-job']
    t.match(run(['checkpoint', ...saved, id()]), { status: 0, stderr: '' }, mode)
    const restore = (as: string) => {
      const accepted = ['--no-pivot', '--no-subreaper', '--preserve-fds', '0']
      return run(['restore', '-d', ...paths, '--manage-cgroups-mode', as, ...accepted, '--pid-file', pidFile, id()])
    }
    // The container's own is always there: so it is with runc 1.3.
    if (mode === 'strict') t.match(restore(mode), { status: 1, stderr: /existing cgroups/ })
    t.match(restore(mode === 'strict' ? 'soft' : mode), { status: 0, stderr: '' }, mode)
    const pid = readFileSync(pidFile, 'utf8')
    t.match(run(['state', id()]).stdout, `"pid": ${pid}`)
    t.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), `:/${id().replace(/-c$/, '')}`, mode)
    await goesOn(box, mode)
  }
  for (const name of ['dump.log', 'restore.log']) t.ok(existsSync(join(box.directory, 'logs', name)), name)
})

t.test('an empty network, labels, memory before the rest', skip, async t => {
  const box = boxWith(t, () => 'for count in turns(): pass')
  const { run, images, id } = box
  t.match(run(['run', '--detach', id()]), { status: 0 })
  await goesOn(box, 'its first number')
  const loopback = () => run(['exec', id(), 'ip', 'link', 'show', 'lo']).stdout
  t.match(loopback(), 'UP')
  t.match(run(['checkpoint', '--parent-path', '/before', id()]), { status: 1, stderr: /must be relative/ })
  t.match(run(['checkpoint', ...images('a'), '--parent-path', '../before', id()]), {
    status: 1,
    stderr: /is not there/,
  })
  const before = run(['checkpoint', '--pre-dump', ...images('before'), id()])
  const tracks = spawnSync('criu', ['check', '--feature', 'mem_dirty_track']).status === 0
  t.match(before, tracks ? { status: 0 } : { status: 1, stderr: /missing features: the tracking of changes of memory/ })
  await goesOn(box, '--pre-dump')
  const parent = tracks ? ['--parent-path', '../before'] : []
  t.match(run(['checkpoint', ...images('after'), '--empty-ns', 'network', ...parent, id()]), { status: 0, stderr: '' })
  const restore = (...flags: string[]) => run(['restore', '-d', ...images('after'), ...flags, id()])
  t.match(restore('--lsm-profile', 'nonsense'), { status: 1, stderr: /lsm/i })
  t.match(restore('--lsm-mount-context', 'a:b:c:d', '--empty-ns', 'network'), { status: 0 }, 'no mount has a context')
  t.notMatch(loopback(), 'UP')
})

/** Takes terminals at a socket, and says the first line of what comes from each. */
const TERMINALS = `
import os, socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(1)
print('ready', flush=True)
masters = []
while True:
  connection, _ = server.accept()
  masters += socket.recv_fds(connection, 4096, 1)[1]
  print(os.read(masters[-1], 4096).split()[0].decode(), flush=True)
`

t.test('the console socket gets the new terminal', skip, async t => {
  const box = boxWith(t, () => 'for count in turns(): print(count, flush=True)')
  const config = JSON.parse(readFileSync(join(box.bundle, 'config.json'), 'utf8'))
  config.process.terminal = true
  writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(config))
  const { run, images, id } = box
  const socket = ['--console-socket', join(box.directory, 'console')] as const
  const said = await sayer(t, TERMINALS, socket[1])
  t.match(run(['run', '--detach', ...socket, id()]), { status: 0 })
  await until(() => said().length === 2, 'its first terminal')
  t.match(run(['checkpoint', ...images('images'), id()]), { status: 0, stderr: '' })
  t.match(run(['restore', '--detach', ...images('images'), id()]), { status: 1, stderr: /console socket/ })
  t.match(run(['restore', '--detach', ...images('images'), ...socket, id()]), { status: 0, stderr: '' })
  await until(() => said().length === 3, 'its second terminal')
  t.ok(Number(said()[2]) > 0, 'it counts on')
})

t.test('the status descriptor gets a byte when pages can be asked for', skip, async t => {
  const box = boxWith(t, () => 'for count in turns(): pass')
  t.match(box.run(['run', '--detach', box.id()]), { status: 0 })
  await goesOn(box, 'its first number')
  const server = ['--page-server', `127.0.0.1:${20_000 + (process.pid % 10_000)}`, '--lazy-pages', '--status-fd', '3']
  const words = ['--root', box.runtime.root, 'checkpoint', ...box.images('images'), ...server, box.id()]
  const child = spawn(RUNNER, [TSRUN, ...words], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [byte] = (await once(child.stdio[3] as Readable, 'data')) as [Buffer]
  t.same(byte, Buffer.of(0))
  child.kill('SIGTERM')
  t.notMatch(await once(child, 'close'), [0])
})
