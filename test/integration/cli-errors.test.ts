import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, ENGINE_LINE, tsrun } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

t.test('a call that cannot be understood shows the help, and says why', async t => {
  const cases: readonly (readonly [words: readonly string[], help: RegExp, why: RegExp])[] = [
    [['--bogus', 'list'], /GLOBAL OPTIONS/, /^flag provided but not defined: -bogus\n/],
    [['create', '--bogus', 'id'], /tsrun create/, /flag provided but not defined: -bogus/],
    [['start'], /tsrun start/, /tsrun: \\"start\\" requires exactly 1 argument\(s\)/],
    [['state', 'a', 'b'], /tsrun state/, /tsrun: \\"state\\" requires exactly 1 argument\(s\)/],
    [['kill'], /tsrun kill/, /requires a minimum of 1 argument\(s\)/],
    [['create', '--bundle'], /tsrun create/, /flag needs an argument: -bundle/],
  ]
  for (const [words, help, why] of cases) {
    const { status, stdout, stderr } = tsrun(words)
    t.equal(status, 1, words.join(' '))
    t.ok(stdout.startsWith('Incorrect Usage.\n\nNAME:\n'))
    t.match(stdout, help)
    t.match(stderr, why)
  }
})

t.test('help and version are asked for in the usual ways', async t => {
  for (const words of [[], ['-h'], ['--help'], ['help']]) {
    t.match(tsrun(words), { status: 0, stdout: /^NAME:\n {3}tsrun - /, stderr: '' }, words.join(' '))
  }
  for (const words of [
    ['run', '-h'],
    ['run', '--help'],
    ['help', 'run'],
    ['run', 'id', '--help'],
  ]) {
    t.match(tsrun(words), { status: 0, stdout: /^NAME:\n {3}tsrun run - /, stderr: '' }, words.join(' '))
  }
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const word of ['-v', '--version', '-version']) {
    const { status, stdout, stderr } = tsrun([word])
    t.same({ status, stderr }, { status: 0, stderr: '' })
    const lines = stdout.split('\n').filter(line => !/^(commit|libseccomp): /.test(line) && !ENGINE_LINE.test(line))
    t.match(stdout, ENGINE_LINE)
    t.same(lines, [`tsrun version ${version}`, 'spec: 1.3.0', ''])
  }
})

t.test('what is not there (yet) is refused in plain words', async t => {
  t.match(tsrun(['bogus']), { status: 3, stderr: /No help topic for 'bogus': no such command: bogus/ })
  t.match(tsrun(['constructor']), { status: 3, stderr: /no such command/ })
  const rootless = tsrun(['--root', join(t.testdir(), 'state'), '--rootless=true', 'list', '-q'])
  if (process.geteuid?.() === 0) t.match(rootless, { status: 1, stderr: /--rootless=true is not for root/ })
  else t.match(rootless, { status: 1, stderr: /no such file/ })
  t.match(tsrun(['--rootless', 'maybe', 'list']), { status: 1, stderr: /invalid value for --rootless/ })
  t.match(tsrun(['--log-format', 'yaml', 'list']), { status: 1, stderr: /invalid log-format: yaml/ })
  t.match(tsrun(['--root=/', 'list']), { status: 1, stderr: /absolute path other than/ })
  t.match(tsrun(['--root=', 'list']), { status: 1, stderr: /--root must not be empty/ })
})

t.test('an id that is none is refused before anything is made', async t => {
  for (const id of ['', '.', '..', '../x', 'a/b', 'a b', '-x', '\n']) {
    for (const command of ['create', 'state', 'delete']) {
      t.match(tsrun(['--root', join(t.testdirName, 'none'), command, '--', id]), { status: 1 }, `${command} ${id}`)
    }
  }
})

t.test('an error is one object in the JSON log, and plain words on standard error', skip, async t => {
  const box = makeBundle(t)
  // Something that warns.
  box.configure(config => {
    config.process.capabilities = { bounding: ['CAP_NONSENSE'] }
    config.process.args = ['no-such-program']
  })
  const log = join(t.testdir(), 'log.json')
  const flags = ['--log', log, '--log-format', 'json']
  const { status, stdout, stderr } = commandOn(box)([...flags, 'create', box.id()])
  t.same({ status, stdout }, { status: 1, stdout: '' })
  const { level, msg, time, ...rest } = JSON.parse(readFileSync(log, 'utf8'))
  t.same({ level, rest }, { level: 'error', rest: {} })
  t.match(msg, /^tsrun create failed: .*exec: "no-such-program": executable file not found in \$PATH/)
  t.ok(Number.isFinite(Date.parse(time)))
  t.equal(stderr, `${msg}\n`)

  commandOn(box)([...flags, 'start', box.id()])
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  t.equal(lines.length, 2, 'the next error is appended')
  t.match(JSON.parse(lines[1] ?? ''), { level: 'error', msg: /does not exist/ })
})

t.test('what works logs nothing in JSON, and warnings with --debug', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.capabilities = { bounding: ['CAP_NONSENSE'] }))
  const log = join(t.testdir(), 'log.json')
  const flags = ['--log', log, '--log-format=json']
  t.same(commandOn(box)([...flags, 'run', box.id()]), { status: 0, stdout: '', stderr: '' })
  t.equal(readFileSync(log, 'utf8'), '')
  commandOn(box)([...flags, '--debug', 'run', box.id()])
  t.match(JSON.parse(readFileSync(log, 'utf8').split('\n')[0] ?? ''), { level: 'warning', msg: /CAP_NONSENSE/ })
})

t.test('engines find the words that they look for', skip, async t => {
  const failure = (change: Parameters<ReturnType<typeof makeBundle>['configure']>[0]) => {
    const box = makeBundle(t)
    box.configure(change)
    const { status, stderr } = commandOn(box)(['run', box.id()])
    t.equal(status, 1)
    return stderr
  }
  const running = (...args: string[]) => failure(config => (config.process.args = args))
  t.match(running('nothing'), /executable file not found in \$PATH/)
  t.match(running('/bin/nothing'), /no such file or directory/)
  t.match(running('/etc/passwd'), /permission denied/)
  t.match(running('/etc'), /permission denied|is a directory/)
  t.match(running('/etc/passwd/x'), /not a directory|no such file or directory/)
  const source = '/no/such/source'
  const missingSource = failure(config => config.mounts.push({ destination: '/data', source, options: ['bind'] }))
  t.match(missingSource, /\/mounts\/4.*no such file or directory/)
})

t.test('all that is wrong with a configuration is told at once', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.cwd = 'relative'
    config.hostname = 7 as never
  })
  const { status, stderr } = commandOn(box)(['create', box.id()])
  t.equal(status, 1)
  t.match(stderr, /\/process\/cwd/)
  t.match(stderr, /\/hostname/)
  t.match(commandOn(box)(['create', '-b', '/nowhere', box.id()]), { status: 1, stderr: /\/nowhere\/config.json/ })
})

t.test('--debug logs what is done, where the errors go', skip, async t => {
  const box = makeBundle(t)
  const run = commandOn(box)
  t.match(
    run(['--debug', 'run', box.id()]).stderr,
    /level=debug msg=".*: created, pid \d+"\n.* level=debug msg=".*: started"/,
  )
  t.equal(run(['run', box.id()]).stderr, '', 'and nothing without it')
  const file = join(box.directory, 'log')
  t.equal(run(['--debug', '--log', file, '--log-format', 'json', 'run', box.id()]).stderr, '')
  const entries = readFileSync(file, 'utf8').trim().split('\n')
  const levels = entries.map(line => JSON.parse(line).level)
  t.ok(levels.length > 2 && levels.every(level => level === 'debug'), entries.join('\n'))
})

t.test('a program whose interpreter is missing is not said to be missing itself', skip, async t => {
  const box = makeBundle(t)
  writeFileSync(join(box.rootfs, 'bin/script'), '#!/nowhere/sh\n', { mode: 0o755 })
  box.configure(config => (config.process.args = ['/bin/script']))
  const { stderr, status } = commandOn(box)(['run', box.id()])
  t.equal(status, 1)
  t.match(stderr, /exec \/bin\/script: no such file or directory: the file is there, but not the interpreter/)
})
