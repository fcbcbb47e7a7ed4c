import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../lib/config/read.js'
import { makeBundle } from '../bundle.js'
import { commandOn, execute, FORM, RUNNER, TSRUN, tsrun } from '../command.js'
import { readFeatures } from '../config/features-document.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

t.test('spec writes a valid configuration, and never over another one', async t => {
  const folder = t.testdir()
  t.same(tsrun(['spec'], { cwd: folder }), { status: 0, stdout: '', stderr: '' })
  const text = readFileSync(join(folder, 'config.json'), 'utf8')
  t.same(readConfig(text).warnings, [])
  t.match(tsrun(['spec', '-b', folder]), { status: 1, stderr: /File config.json exists. Remove it first/ })
  t.equal(readFileSync(join(folder, 'config.json'), 'utf8'), text)
  t.same(readdirSync(folder), ['config.json'])
})

t.test('spec takes a program, and writes for users without privileges', async t => {
  const folder = t.testdir()
  t.equal(tsrun(['spec', '--rootless', '--', 'echo', '-n', 'x'], { cwd: folder }).status, 0)
  const { config } = readConfig(readFileSync(join(folder, 'config.json'), 'utf8'))
  t.same(config.process?.args, ['echo', '-n', 'x'])
  t.equal(config.process?.terminal, false)
  t.same(config.linux.uidMappings, [{ containerID: 0, hostID: process.geteuid?.(), size: 1 }])
})

t.test('a container without a root file system of its own runs the programs of the host', skip, async t => {
  const folder = t.testdir()
  const root = join(folder, 'state')
  mkdirSync(join(folder, 'bundle'))
  const [cwd, name] = [join(folder, 'bundle'), `tsrun-host-root-${process.pid}`]
  const script = 'hostname; touch /usr/x 2>/dev/null || echo read-only; touch /tmp/x && echo writable; ls -d /home'
  t.equal(tsrun(['spec', '--host-root', '--', '/bin/sh', '-c', script], { cwd }).status, 0)
  const { status, stdout } = tsrun(['--root', root, 'run', name], { cwd })
  t.equal(stdout, 'tsrun\nread-only\nwritable\n')
  t.not(status, 0, 'what was not bound is not there')
  t.notOk(existsSync('/usr/x'))
})

t.test('of /etc it sees what programs need, and no secrets; filter and limits are in force', skip, async t => {
  const folder = t.testdir()
  const script = `awk 'BEGIN { print "alternatives" }'; id -un; sort /etc/nsswitch.conf > /dev/null && echo names
for name in shadow gshadow ssh ssl/private sudoers machine-id docker; do test -e /etc/$name && echo "sees $name"; done
grep -w Seccomp: /proc/self/status; unshare -U true 2> /dev/null || echo confined; cat /sys/fs/cgroup/pids/*/pids.max 2> /dev/null; true`
  t.equal(tsrun(['spec', '--host-root', '--', '/bin/sh', '-c', script], { cwd: folder }).status, 0)
  const { linux } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  t.match(linux, { resources: { pids: { limit: 1024 }, memory: { limit: 2 ** 30 } } })
  const { stdout, stderr } = tsrun(['--root', join(folder, 'state'), 'run', `tsrun-etc-${process.pid}`], {
    cwd: folder,
  })
  t.match(stdout, /^alternatives\nroot\nnames\nSeccomp:\t2\nconfined\n/, stderr)
})

t.test('the program is refused in the words of the host if it is not there', skip, async t => {
  const folder = t.testdir()
  tsrun(['spec', '--host-root', '--', 'no-such-program'], { cwd: folder })
  const { status, stderr } = tsrun(['--root', join(folder, 'state'), 'run', `tsrun-none-${process.pid}`], {
    cwd: folder,
  })
  t.equal(status, 1)
  t.match(stderr, /executable file not found in \$PATH/)
})

t.test('features is a valid document and nothing else, on both streams', async t => {
  const { status, stdout } = execute('/bin/sh', ['-c', '"$@" 2>&1', 'sh', RUNNER, TSRUN, 'features'])
  t.equal(status, 0)
  const features = readFeatures(stdout)
  t.equal(features.ociVersionMin, '1.0.0')
  t.ok(features.mountOptions?.includes('rro'))
})

t.test('plan shows each step as text or JSON, and no secrets unless asked', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.env = ['PATH=/bin', 'TOKEN=s3cret']))
  const run = commandOn(box)
  const { status, stdout } = run(['plan', '.'])
  t.equal(status, 0)
  t.match(stdout, /pivot_root/)
  t.match(stdout, /\/mounts\/0/)
  t.match(stdout, /TOKEN/)
  t.notMatch(stdout, /s3cret/)
  t.match(run(['plan', '--show-env', box.bundle]).stdout, /s3cret/)

  const json = run(['plan', '--format', 'json', '.'])
  t.ok(Array.isArray(JSON.parse(json.stdout).ops))
  t.notMatch(json.stdout, /s3cret/)
  t.match(run(['plan', '--format', 'xml', '.']), { status: 1, stderr: /invalid format option/ })
  t.notOk(existsSync(box.runtime.root), 'nothing has been made')
})

t.test('plan says what is wrong as create would', skip, async t => {
  const box = makeBundle(t)
  writeFileSync(join(box.bundle, 'config.json'), '{"ociVersion": "1.3.0"')
  t.match(commandOn(box)(['plan', '.']), { status: 1, stdout: '', stderr: /end of the text \(.*config.json, line 1/ })
})

t.test(
  'what only asks loads neither libffi nor the native library',
  { skip: missing('root', 'busybox', 'strace') },
  async t => {
    const box = makeBundle(t)
    box.configure(config => (config.process.args = ['/bin/sleep', '100']))
    const [run, id] = [commandOn(box), box.id()]
    run(['create', id])
    run(['start', id])
    const loaded = (...words: readonly string[]) => {
      const trace = join(box.directory, 'trace')
      const command = [RUNNER, TSRUN, '--root', box.runtime.root, ...words]
      t.equal(execute('strace', ['-f', '-e', 'trace=openat', '-o', trace, ...command]).status, 0, words.join(' '))
      return (
        readFileSync(trace, 'utf8')
          .match(/[^/"]+\.(?:node|so)(?=")/g)
          ?.filter(name => /binding|tsrun/.test(name)) ?? []
      )
    }
    for (const words of [['--version'], ['--help'], ['list'], ['state', id]]) t.same(loaded(...words), [])
    t.equal(loaded('kill', id, '0').length > 0, FORM === 'node', 'and what is looked for can be seen')
  },
)

/** The parts of the bundled program that a call has run: those of V8's coverage with a count, named as in the bundle. */
function partsRun(folder: string, words: readonly string[]): readonly string[] {
  const env = { ...process.env, NODE_V8_COVERAGE: folder }
  t.match(execute(RUNNER, [TSRUN, ...words], { env }), { status: 0, stderr: '' }, words.join(' '))
  const scripts = readdirSync(folder).flatMap(name => JSON.parse(readFileSync(join(folder, name), 'utf8')).result)
  rmSync(folder, { recursive: true })
  const functions: readonly Counted[] = scripts.flatMap(({ functions }) => functions)
  return functions.filter(({ ranges: [whole] }) => (whole?.count ?? 0) > 0).map(({ functionName }) => functionName)
}

interface Counted {
  readonly functionName: string
  readonly ranges: readonly { readonly count: number }[]
}

// The executable has all of it in its heap from the beginning.
if (FORM === 'node')
  t.test('nor what compiles and launches', skip, async t => {
    const box = makeBundle(t)
    const [run, id] = [commandOn(box), box.id()]
    run(['create', id])
    const parts = (...words: readonly string[]) =>
      partsRun(join(box.directory, 'coverage'), ['--root', box.runtime.root, ...words])
    const heavy = ['lib/compile/index.ts', 'lib/launch/launch.ts', 'lib/operations/create.ts', 'lib/sys/inet.ts']
    for (const words of [['--version'], ['list'], ['state', id]]) {
      const names = parts(...words)
      t.ok(names.includes('lib/cli/log.ts'))
      const found = heavy.filter(name => names.includes(name))
      t.same(found, [], words.join(' '))
    }
    // It has the same cgroup.
    run(['delete', '--force', id])
    const all = parts('run', '--bundle', box.bundle, box.id('run'))
    t.ok(
      heavy.slice(0, 3).every(name => all.includes(name)),
      'and what is looked for can be seen',
    )
    // They load node:net, which takes milliseconds.
    const nets = ['lib/cli/transfer-lines.ts', 'lib/sys/ip-address.ts'].filter(name => all.includes(name))
    t.same(nets, [], 'run')
  })
