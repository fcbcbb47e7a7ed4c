import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { commandOn, execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS, until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

/** `tsrun run` of a shell command. */
function runShell(box: TestBundle, command: string, flags: readonly string[] = []) {
  box.configure(config => (config.process.args = ['/bin/sh', '-c', command]))
  return commandOn(box)(['run', ...flags, box.id()])
}

t.test("the exit status is the container's", skip, async t => {
  const box = makeBundle(t)
  for (const status of [0, 1, 42, 255]) t.equal(runShell(box, `exit ${status}`).status, status)
})

t.test('a signal that ends the container gives 128 and its number', skip, async t => {
  const box = makeBundle(t)
  for (const [name, number] of [
    ['KILL', 9],
    ['TERM', 15],
  ] as const) {
    box.configure(config => {
      config.process.args = ['/bin/sh', '-c', `kill -${name} $$`]
      // In a pid namespace of its own the first process takes no such signal from itself.
      config.linux.namespaces = (config.linux.namespaces ?? []).filter(({ type }) => type !== 'pid')
    })
    t.equal(commandOn(box)(['run', box.id()]).status, 128 + number, name)
  }
})

t.test('standard streams are those of the command', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/sh', '-c', 'cat; echo wrong >&2']))
  const outcome = commandOn(box)(['run', box.id()], { input: 'to and fro\n' })
  t.same(outcome, { status: 0, stdout: 'to and fro\n', stderr: 'wrong\n' })
})

t.test('it is removed afterwards, unless it is to be kept', skip, async t => {
  const box = makeBundle(t)
  const run = commandOn(box)
  runShell(box, 'exit 3')
  t.equal(run(['list', '-q']).stdout, '')
  t.equal(runShell(box, 'exit 3', ['--keep']).status, 3)
  t.match(JSON.parse(run(['state', box.id()]).stdout), { status: 'stopped', pid: 0 })
  t.equal(run(['delete', box.id()]).status, 0)
})

t.test('detached it returns when the container runs', skip, async t => {
  const box = makeBundle(t)
  const run = commandOn(box)
  box.configure(config => (config.process.args = ['/bin/sleep', '100']))
  const pidFile = join(t.testdir(), 'pid')
  const outcome = run(['run', '--detach', '--pid-file', pidFile, '-no-subreaper', box.id()])
  t.same(outcome, { status: 0, stdout: '', stderr: '' })
  const state = JSON.parse(run(['state', box.id()]).stdout)
  t.equal(state.status, 'running')
  t.equal(readFileSync(pidFile, 'utf8'), String(state.pid))
})

t.test('a subreaper of the caller gets the exit status of a detached container', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/sh', '-c', 'exit 9']))
  const script = `import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
subprocess.run(sys.argv[2:], check=True)
pid = int(open(sys.argv[1]).read())
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`
  const pidFile = join(t.testdir(), 'pid')
  const command = [RUNNER, TSRUN, '--root', box.runtime.root]
  const outcome = execute(
    'python3',
    ['-c', script, pidFile, ...command, 'run', '-d', '--pid-file', pidFile, box.id()],
    {
      cwd: box.bundle,
    },
  )
  t.same(outcome, { status: 0, stdout: '9\n', stderr: '' })
})

t.test('signals go to the container', skip, async t => {
  const box = makeBundle(t)
  const traps = ['HUP', 'INT', 'USR1', 'USR2'].map(name => `trap "echo ${name}" ${name};`).join(' ')
  const script = `${traps} trap "echo TERM; exit 5" TERM; echo ready; ${AWAIT_SIGNALS}`
  box.configure(config => (config.process.args = ['/bin/sh', '-c', script]))
  const child = spawn(RUNNER, [TSRUN, '--root', box.runtime.root, 'run', box.id()], {
    cwd: box.bundle,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', chunk => (output += chunk))
  const exited = new Promise(resolve => child.once('close', resolve))
  await until(() => output.endsWith('ready\n'))
  for (const name of ['HUP', 'INT', 'USR1', 'USR2', 'TERM'] as const) {
    child.kill(`SIG${name}`)
    await until(() => output.endsWith(`${name}\n`))
  }
  t.equal(await exited, 5)
  t.equal(output, 'ready\nHUP\nINT\nUSR1\nUSR2\nTERM\n')
})

t.test('a signal that can not be passed on is told, and what has ended needs none', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/sh', '-c', 'echo ready; read line; exit 7']))
  const child = spawn(RUNNER, [TSRUN, '--root', box.runtime.root, 'run', box.id()], {
    cwd: box.bundle,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.on('data', chunk => (output += chunk))
  child.stderr.on('data', chunk => (errors += chunk))
  const exited = new Promise(resolve => child.once('close', resolve))
  await until(() => output !== '')
  const state = join(box.runtime.root, box.id(), 'state')
  const before = readFileSync(state)
  writeFileSync(state, 'nonsense\n')
  child.kill('SIGUSR1')
  await until(() => errors !== '')
  t.match(errors, /level=warning msg="SIGUSR1 could not be passed on: the state of container .* cannot be read"/)
  writeFileSync(state, before)
  child.stdin.end('\n')
  child.kill('SIGUSR2')
  t.equal(await exited, 7)
  t.equal(errors.trimEnd().split('\n').length, 1)
})

t.test('a signal before there is a container cancels, and nothing is left', skip, async t => {
  for (const command of ['create', 'run']) {
    const box = makeBundle(t)
    const marker = join(t.testdir(), 'marker')
    box.configure(config => {
      config.hooks = {
        createRuntime: [
          { path: '/bin/sh', args: ['sh', '-c', `echo > ${marker}; exec sleep 2`], env: ['PATH=/bin:/usr/bin'] },
        ],
      }
    })
    const child = spawn(RUNNER, [TSRUN, '--root', box.runtime.root, command, box.id()], {
      cwd: box.bundle,
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    const exited = new Promise(resolve => child.once('close', resolve))
    await until(() => existsSync(marker))
    child.kill('SIGTERM')
    t.equal(await exited, 128 + 15, command)
    t.same(await box.runtime.list(), [])
  }
})

t.test('descriptors are passed on request, and no others', skip, async t => {
  const box = makeBundle(t)
  const file = join(t.testdir(), 'passed')
  writeFileSync(file, 'from outside')
  const fd = openSync(file, 'r')
  t.teardown(() => closeSync(fd))
  box.configure(config => (config.process.args = ['/bin/sh', '-c', 'ls /proc/self/fd | wc -l; cat <&3']))
  const run = commandOn(box)
  // Three streams, the descriptor, and the one that ls reads the directory by.
  t.same(run(['run', '--preserve-fds', '1', box.id()], { fds: [fd] }).stdout, '5\nfrom outside')
  t.equal(run(['run', box.id()], { fds: [fd] }).stdout, '4\n')
  t.match(run(['run', '--preserve-fds=2', box.id()], { fds: [fd] }), { status: 1, stderr: /descriptor 4 .* not open/ })
})

t.test('sockets of socket activation are passed with the variables that tell of them', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['/bin/sh', '-c', 'echo $LISTEN_FDS $LISTEN_PID; cat <&3']
    config.process.env = ['PATH=/bin', 'LISTEN_PID=77']
  })
  const file = join(t.testdir(), 'passed')
  writeFileSync(file, 'a socket')
  const command = `exec ${RUNNER} ${TSRUN} --root ${box.runtime.root} run ${box.id()} 3< ${file}`
  const surroundings = { cwd: box.bundle }
  const activated = execute('/bin/sh', ['-c', `LISTEN_FDS=1 LISTEN_PID=$$ ${command}`], surroundings)
  t.same(activated, { status: 0, stdout: '1 1\na socket', stderr: '' })
  const meantForAnother = execute('/bin/sh', ['-c', `LISTEN_FDS=1 LISTEN_PID=1 ${command}`], surroundings)
  t.equal(meantForAnother.stdout, '77\n')
})
