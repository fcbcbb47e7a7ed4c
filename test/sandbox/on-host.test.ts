/** The lowest level: where this user may make no user namespaces. */
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'
import { bySysctl } from './withheld.js'

const skip = { skip: missing('root', 'busybox', 'cc', 'libseccomp', 'user-namespaces', 'landlock') }

/** Runs a program of a user who may make no user namespaces; each line that it prints is JSON. */
function makeProgram(t: Test): (body: string) => readonly unknown[] {
  const { directory, script } = makeRootlessBundle(t)
  compileProgram(readFileSync('test/sandbox/on-host.c', 'utf8'), join(directory, 'bundle/attempts'))
  const prelude = `
    import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
    import { Sandbox } from '${directory}/code/dist/sandbox/index.js'
    const own = realpathSync('${directory}') + '/own'
    const attempts = realpathSync('${directory}/bundle')
    const boxes = '${directory}/run/tsrun-sandbox/boxes'
    mkdirSync(own)
    writeFileSync(own + '/file', 'source\\n')
    const print = value => console.log(JSON.stringify(value))
    const failure = promise => promise.then(() => null, ({ code, message }) => ({ code, message }))
    const rw = { mounts: [{ source: own, target: own, mode: 'rw' }], minimum: 'landlock' }`
  return body => {
    const file = join(directory, 'bundle/program.mjs')
    writeFileSync(file, `${prelude}\n${body}\n`)
    chownSync(file, USER, USER)
    const { stdout, stderr, status } = script(bySysctl(`${directory}/node ${file}`))
    t.equal(status, 0, stderr)
    return stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line))
  }
}

t.test('it is never had without being asked for, and says what it lacks', skip, async t => {
  const program = makeProgram(t)
  const [refused, isolation, result, file, after, left] = program(`
    print(await failure(Sandbox.create()))
    const box = await Sandbox.create(rw)
    print(box.isolation)
    print(await box.commands.run('tr a-z A-Z < file > out; touch "$HOME/x"; cat out; ls "$TMPDIR"; echo > /tmp/tsrun-new; exit 3'))
    await box.files.write('more', 'data')
    await box.files.rename('more', 'other')
    print([await box.files.read(own + '/other'), (await box.files.list('.')).map(({ name }) => name).join()])
    await box.stop()
    print([existsSync(own + '/other'), existsSync('/tmp/tsrun-new')])
    print(readdirSync(boxes))`)
  t.match(refused, { code: 'ERR_HOST_PRIVILEGE', message: /clone3: ENOSPC.*max_user_namespaces.*minimum: 'landlock'/s })
  t.match(isolation, {
    level: 'landlock',
    missing: [/cgroup/, /namespaces/, /a root of its own/, /written/, /processes/],
  })
  t.match(result, {
    verdict: 'exit',
    exitCode: 3,
    stdout: 'SOURCE\nx\n',
    stderr: /\/tmp\/tsrun-new: Permission denied/,
  })
  t.same(file, ['data', 'file,other,out'])
  t.same(after, [true, false])
  t.same(left, [])
})

t.test('what is the machine’s, and the user’s own beside it, is out of reach', skip, async t => {
  const program = makeProgram(t)
  const [attempts, host] = program(`
    const other = realpathSync(own + '/..') + '/secret'
    writeFileSync(other, 'secret', { mode: 0o600 })
    const mounts = [{ source: attempts, target: attempts }]
    const box = await Sandbox.create({ mounts, minimum: 'landlock' })
    const { stdout } = await box.commands.run([attempts + '/attempts', String(process.pid), other])
    print(Object.fromEntries(stdout.trim().split('\\n').map(line => line.split('\\t'))))
    print([readFileSync(other, 'utf8'), (statSync(other).mode & 0o777).toString(8)])
    await box.stop()`)
  const allowed = Object.entries(attempts as Record<string, string>).filter(([, outcome]) => outcome === 'done')
  t.same(
    allowed.map(([name]) => name),
    // Of everybody nobody was left whom it may send a signal to, which is no error to the kernel: the host process has gone on.
    ['kill everybody', 'limit itself', 'pair of streams', 'count bytes'],
  )
  t.match(attempts, { 'kill the host': 'EPERM', 'kill the guard': 'EPERM', 'read a file': 'EACCES' })
  t.match(attempts, { 'pair of another family': 'EPERM', 'set flags of a file': 'EPERM' })
  t.same(host, ['secret', '600'])
})

t.test('a time-out, the end of a command, and that of the sandbox end all that has been started', skip, async t => {
  const program = makeProgram(t)
  const verdicts = program(`
    const tree = seconds => \`(setsid sh -c "sleep \${seconds} & sleep \${seconds}" &); sleep \${seconds} & \`
    const living = seconds => readdirSync('/proc').filter(pid => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').startsWith('sleep\\0' + seconds) } catch { return false }
    }).length
    const box = await Sandbox.create({ minimum: 'landlock' })
    print((await box.commands.run(tree(9101) + 'echo on', { timeoutMs: 30_000 })).stdout)
    print([living(9101), (await box.commands.run(tree(9102) + 'wait', { timeoutMs: 300 })).verdict, living(9102)])
    print((await box.commands.run(['sh', '-c', 'kill -TERM $$'])).signal)
    const started = await box.commands.start(tree(9103) + 'echo on; wait', { ready: { output: 'on' } })
    for (let tries = 0; tries < 500 && living(9103) < 3; tries++) await new Promise(resolve => setTimeout(resolve, 10))
    print(living(9103))
    await box.stop()
    print([(await started.wait()).signal, living(9103)])
    const late = await Sandbox.create({ minimum: 'landlock', timeoutMs: 500 })
    print([(await late.commands.run(tree(9104) + 'wait')).verdict, living(9104)])`)
  t.same(verdicts, ['on\n', [0, 'timeout', 0], 'SIGTERM', 3, ['SIGKILL', 0], ['timeout', 0]])
})

t.test('nobody is too fast or too stubborn, and a guard that was stopped ends too', skip, async t => {
  const program = makeProgram(t)
  const [fast, isLocked, stubborn, stopped] = program(`
    import { spawnSync } from 'node:child_process'
    const mounts = [{ source: attempts, target: attempts }, ...rw.mounts]
    const box = await Sandbox.create({ mounts, minimum: 'landlock' })
    print((await box.commands.run([attempts + '/attempts', 'comet', own + '/lock'], { timeoutMs: 300 })).verdict)
    print(spawnSync('flock', ['--nonblock', own + '/lock', 'true']).status !== 0)
    const forever = "trap '' XCPU; echo on; sleep 9106; sleep 9106"
    const one = await box.commands.start(forever, { ready: { output: 'on' } })
    await one.kill('SIGXCPU')
    print((await one.wait()).signal)
    const other = await box.commands.start(forever, { ready: { output: 'on' } })
    await other.kill('SIGSTOP')
    await box.stop()
    print((await other.wait()).signal)`)
  t.same([fast, isLocked, stubborn, stopped], ['timeout', false, 'SIGXCPU', 'SIGKILL'])
})

t.test('it ends also if nobody reaps the first process', skip, async t => {
  const program = makeProgram(t)
  const living = program(`
    import { spawn } from 'node:child_process'
    import { once } from 'node:events'
    const code = \`import { Sandbox } from '\${own}/../code/dist/sandbox/index.js'
      const box = await Sandbox.create({ minimum: 'landlock' })
      await box.commands.start('echo on; sleep 9107 & wait', { ready: { output: 'on' } })
      console.log('started')\`
    const host = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(host.stdout, 'data')
    const childrenOf = pid => readFileSync(\`/proc/\${pid}/task/\${pid}/children\`, 'utf8').split(' ').filter(Boolean)
    const [first] = childrenOf(host.pid).filter(pid => childrenOf(pid).length === 0)
    const living = () => readdirSync('/proc').filter(pid => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').startsWith('sleep\\0' + 9107) } catch { return false }
    }).length
    const until = async count => {
      for (let tries = 0; tries < 500 && living() !== count; tries++) await new Promise(resolve => setTimeout(resolve, 10))
      return living()
    }
    print(await until(1))
    host.kill('SIGSTOP')
    process.kill(Number(first), 'SIGKILL')
    print(await until(0))
    host.kill('SIGKILL')
    await once(host, 'exit')
    await Sandbox.prune()`)
  t.same(living, [1, 0])
})

t.test('it ends with its host process, however that ends, and is pruned', skip, async t => {
  const program = makeProgram(t)
  const [living, pruned, left] = program(`
    import { spawnSync } from 'node:child_process'
    const child = \`import { Sandbox } from '\${own}/../code/dist/sandbox/index.js'
      const box = await Sandbox.create({ minimum: 'landlock' })
      await box.commands.start('(setsid sleep 9105 &); echo on; sleep 9105', { ready: { output: 'on' } })
      process.kill(process.pid, 'SIGKILL')\`
    spawnSync(process.execPath, ['--input-type=module', '-e', child], { stdio: 'inherit' })
    const living = () => readdirSync('/proc').filter(pid => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').startsWith('sleep\\0' + 9105) } catch { return false }
    }).length
    for (let tries = 0; tries < 500 && living() > 0; tries++) await new Promise(resolve => setTimeout(resolve, 10))
    print(living())
    print((await Sandbox.prune()).length)
    print(readdirSync(boxes))`)
  t.same([living, pruned, left], [0, 1, []])
})

t.test('what it can not be is an error that names the option', skip, async t => {
  const program = makeProgram(t)
  const errors = program(`
    import { join } from 'node:path'
    const options = [
      { rootfs: own }, { network: { allow: ['example.org:443'] } }, { notify: true }, { profile: { seccomp: false } },
      { profile: { capabilities: ['CAP_CHOWN'] } }, { profile: { noNewPrivileges: false } }, { user: { uid: 1, gid: 1 } },
      { mounts: [{ source: own, target: '/work' }] }, { mounts: [{ source: own, target: own, mode: 'overlay' }] },
      { mounts: [{ source: join(own, '..'), target: join(own, '..'), mode: 'rw' }, { source: own, target: own }] },
    ]
    for (const option of options) print(await failure(Sandbox.create({ ...option, minimum: 'landlock' })))
    const box = await Sandbox.create({ minimum: 'landlock', mounts: [{ source: attempts, target: attempts }] })
    for (const act of [() => box.diff(), () => box.fork(), () => box.commands.pty('sh')]) print(await failure(act()))
    for (const path of ['/etc/passwd', '/tmp/../etc/passwd', attempts + '/../own/file'])
      print(await failure(box.files.read(path)))
    print(await failure(box.files.write(attempts + '/new', '')))
    print(readdirSync(boxes).length)
    await box.stop()`) as { code: string; message: string }[]
  const names = [
    'rootfs',
    'network',
    'notify',
    'profile.seccomp',
    'profile.capabilities',
    'profile.noNewPrivileges',
    'user',
  ]
  for (const [index, name] of [
    ...names,
    'mounts[0].target',
    'mounts[0].mode',
    'mounts[1].target',
    'diff',
    'fork',
  ].entries())
    t.match(errors[index], {
      code: 'ERR_CONFIG_INVALID',
      message: new RegExp(`^${name.replace(/[[\].]/g, '.')}: must be`),
    })
  t.match(errors.slice(12), [
    { code: 'ERR_CONFIG_UNSUPPORTED', message: /terminal/ },
    { message: /EACCES/ },
    { message: /EACCES/ },
    { message: /ENOENT/ },
    { message: /EROFS/ },
    1,
  ])
})
