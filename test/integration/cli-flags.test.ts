/** Command lines, one after the other, on a container of tsrun and on one of runc: status, output and the words that callers match. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, ENGINE_LINE, execute, type Outcome, tsrun } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'runc') }

/** ID is the container, FILE a file of the test's directory. */
type Step = readonly [words: string, stderr?: RegExp | undefined, input?: string]

const neutral = (text: string): string =>
  text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replace(/"ociVersion": ?"[^"]*"/g, '"ociVersion":"V"')
    .replace(/\/[^" ]*\/bundle/g, 'BUNDLE')
    // Pids
    .replace(/\b\d{2,7}\b/g, 'N')
    // Columns are as wide as their content.
    .replace(/ +/g, ' ')

function sameAs(t: Test, steps: readonly Step[], files: Readonly<Record<string, string>> = {}): void {
  const box = makeBundle(t)
  box.configure(config => {
    config.ociVersion = '1.0.2'
    config.process.args = ['/bin/sleep', '1000']
    delete config.linux.cgroupsPath
  })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(box.directory, name), text)
  const root = join(box.directory, 'runc')
  mkdirSync(root)
  mkdirSync(box.runtime.root)
  const ids = { tsrun: `${box.id()}-tsrun`, runc: `${box.id()}-runc` }
  const commands = {
    tsrun: commandOn(box),
    runc: (args: readonly string[], surroundings = {}) =>
      execute('runc', ['--root', root, ...args], { cwd: box.bundle, ...surroundings }),
  }
  t.teardown(() => {
    commands.runc(['delete', '--force', ids.runc])
  })
  for (const [words, stderr, input = ''] of steps) {
    const run = (name: 'tsrun' | 'runc'): Outcome => {
      const args = words.split(' ').map(word => word.replace('ID', ids[name]).replace('FILE', `${box.directory}/file`))
      const { status, stdout, stderr } = commands[name](args, { input })
      return { status, stdout: neutral(stdout.replaceAll(ids[name], 'ID')), stderr: stderr.replaceAll('\\"', '"') }
    }
    const [ours, theirs] = [run('tsrun'), run('runc')]
    t.equal(ours.status, theirs.status, `${words}: status ${ours.stderr} ${theirs.stderr}`)
    // Usage errors print the help, which is our own.
    if (!theirs.stdout.startsWith('Incorrect')) t.equal(ours.stdout, theirs.stdout, `${words}: output`)
    if (stderr !== undefined) {
      t.match(ours.stderr, stderr, `${words}: our error`)
      t.match(theirs.stderr, stderr, `${words}: the error of runc`)
    }
  }
}

t.test('a life, with what is refused in each state', skip, async t => {
  sameAs(t, [
    ['list'],
    ['list -q'],
    ['list --format json'],
    ['create ID'],
    ['create ID', /container with given ID already exists/],
    ['state ID'],
    ['ps --format json ID'],
    ['resume ID', /container not paused/],
    ['start ID'],
    ['start ID', /cannot start an already running container/],
    ['state ID'],
    ['list -f json'],
    ['list --quiet'],
    ['list -f xml', /invalid format option/],
    ['ps -f json ID'],
    ['ps -f xml ID', /invalid format option/],
    ['ps ID -o args'],
    ['ps ID --no-such-option'],
    ['pause ID'],
    ['pause ID', /container not running/],
    ['start ID', /cannot start a container in the paused state/],
    ['exec ID true', /cannot exec in a paused container \(use --ignore-paused to override\)/],
    ['delete ID', /cannot delete container .* that is not stopped: paused/],
    ['state ID'],
    ['resume ID'],
    ['resume ID', /container not paused/],
    ['delete ID', /cannot delete container .* that is not stopped: running/],
    ['kill ID NOSIG', /unknown signal "NOSIG"/],
    ['kill ID 65'],
    ['kill ID 0'],
    ['kill ID usr1'],
    ['kill ID SIGUSR2'],
    ['kill --all ID CONT'],
    ['kill ID KILL'],
    ['kill ID', /container not running/],
    ['kill --all ID'],
    ['kill -a ID 9'],
    ['state ID'],
    ['list'],
    ['ps -f json ID'],
    ['pause ID', /container not running/],
    ['resume ID', /container not paused/],
    ['start ID', /cannot start a container that has stopped/],
    ['exec ID true', /cannot exec in a stopped container/],
    ['events --stats ID', /is not running/],
    ['update --memory 1g ID', /container not running/],
    ['delete ID'],
    ['delete ID', /does not exist/],
    ['delete --force ID'],
    ['delete -f ID'],
    ['state ID', /does not exist/],
    ['kill ID', /does not exist/],
    ['start ID', /does not exist/],
    ['ps ID', /does not exist/],
    ['pause ID', /does not exist/],
    ['resume ID', /does not exist/],
    ['events --stats ID', /does not exist/],
    ['update --memory 1g ID', /does not exist/],
    ['exec ID true', /does not exist/],
  ])
})

t.test('a created container can be paused, and is not started then', skip, async t => {
  sameAs(t, [
    ['create ID'],
    ['pause ID'],
    ['state ID'],
    ['start ID', /cannot start a container in the paused state/],
    ['exec ID true', /cannot exec in a paused container/],
    ['resume ID'],
    ['state ID'],
    ['start ID'],
    ['delete -force ID'],
  ])
})

t.test('words that are no command line', skip, async t => {
  const count = (name: string) => new RegExp(`"${name}" requires `)
  sameAs(t, [
    ...['create', 'run', 'start', 'state', 'delete', 'kill', 'ps', 'pause', 'resume', 'events', 'update', 'exec'].map(
      (name): Step => [name, count(name)],
    ),
    ...['create', 'start', 'state', 'delete', 'pause', 'resume', 'events', 'update'].map(
      (name): Step => [`${name} one two`, count(name)],
    ),
    ['list one', /"list" requires exactly 0 argument/],
    ['features one', /"features" requires exactly 0 argument/],
    ['kill one TERM two', /"kill" requires a maximum of 2 argument/],
    ['create --nonsense ID', /flag provided but not defined: -nonsense/],
    ['--nonsense list', /flag provided but not defined: -nonsense/],
    ['create --bundle', /flag needs an argument: -bundle/],
    ['--log-format nonsense list', /invalid log-format: nonsense/],
    ['nonsense'],
    ['create a/b'],
    ['create ..'],
  ])
})

const RESOURCES = '{"memory":{"limit":50331648},"cpu":{"shares":200,"quota":0,"cpus":""},"blockIO":{"weight":0}}'

t.test('update, in all its ways', { skip: missing('root', 'busybox', 'runc', 'cgroup-v1') }, async t => {
  const steps: Step[] = [
    ['run -d ID'],
    ['update ID'],
    ['update --resources FILE ID'],
    ['update -r - ID', undefined, RESOURCES],
    ['update --resources=- ID', undefined, RESOURCES],
    ['update -r /nowhere ID', /no such file or directory/],
    ['update -r - ID', undefined, '{'],
    ['update --cpu-idle= ID'],
  ]
  const values = [
    ...['64M', '64mb', '64MiB', '1.5g', '67108864', '-1'].map(size => `--memory ${size}`),
    ...['0x10', '-5', 'm', '5'].map(size => `--memory ${size}`),
    ...['--memory-swap -1', '--memory-reservation 32m', '--kernel-memory 5m', '--kernel-memory-tcp 5m'],
    ...['--cpu-share 500', '--cpu-share x', '--cpu-share -1', '--cpu-quota 20000', '--cpu-quota -1', '--cpu-period 5'],
    ...['--cpu-period 50000', '--cpu-rt-period 1000000', '--cpuset-cpus 0', '--cpuset-cpus 0-4095', '--cpuset-cpus x'],
    ...['--cpuset-mems 0', '--pids-limit 5', '--pids-limit 0', '--pids-limit -1', '--pids-limit x'],
    ...['--blkio-weight 500', '--blkio-weight x', '--l3-cache-schema L3:0=f', '--mem-bw-schema MB:0=20'],
  ]
  // Flags of runc 1.2 that the installed one may not have.
  const known = steps.filter(([words]) => !words.includes('cpu-idle'))
  sameAs(t, [...known, ...values.map((value): Step => [`update ${value} ID`])], { file: RESOURCES })
})

t.test('events: durations and statistics', skip, async t => {
  sameAs(t, [
    ['run -d ID'],
    ...['0', '0s', '-1s', 'x', '5', '5 s', '1h-', ''].map((text): Step => [`events --interval=${text} ID`]),
    ['events --interval 0 --stats ID', /duration interval must be greater than 0/],
  ])
})

t.test('exec: flags of each kind, good and bad', skip, async t => {
  const lines = [
    ...['-u 5', '-u 5:6', '--user=5:6', '-u root', '-u 5:', '-u :5', '-u 0x5', '-u -1'].map(flag => `${flag} ID id -u`),
    ...['-e A', '-e =A', '-e A=1,B=2', '--env A=', '-e A=1 -e B=2'].map(flag => `${flag} ID env`),
    ...['--cwd /bin', '--cwd bin', '--cwd /nowhere'].map(flag => `${flag} ID true`),
    ...['--cgroup /', '--cgroup nowhere', '--cgroup ../..', '--cgroup nonsense:/'].map(flag => `${flag} ID true`),
    ...['-g 5', '-g 5 -g 6'].map(flag => `${flag} ID id -G`),
    ...['--cap CAP_KILL', '-c nonsense', '--no-new-privs'].map(
      flag => `${flag} ID grep -E Cap|NoNew /proc/self/status`,
    ),
    ...['--pid-file /nowhere/pid', '-p /nowhere', '-p FILE', '--console-socket /nowhere'].map(
      flag => `${flag} ID true`,
    ),
    ...['-t --console-socket /nowhere', '-t -d', '-t -d --console-socket /nowhere'].map(flag => `${flag} ID true`),
    ...['/etc', '/nowhere', 'nowhere', './nowhere', '/etc/passwd'].map(program => `ID ${program}`),
    '--ignore-paused ID true',
    'ID sh -c kill\t-9\t$$',
  ]
  sameAs(t, [['run -d ID'], ...lines.map((line): Step => [`exec ${line}`])], { file: 'no JSON' })
})

t.test('the state of a stopped container does not need its bundle', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.annotations = { 'org.example.x': 'y' }
  })
  const run = commandOn(box)
  t.equal(run(['run', '-d', box.id()]).status, 0)
  for (let left = 100; left > 0 && !/stopped/.test(run(['state', box.id()]).stdout); left--);
  rmSync(box.bundle, { recursive: true })
  const { status, stdout } = run(['state', box.id()], { cwd: '/' })
  t.match({ status, ...JSON.parse(stdout) }, { status: 'stopped', pid: 0, annotations: { 'org.example.x': 'y' } })
  t.match(run(['list'], { cwd: '/' }).stdout, /stopped/)
  t.equal(run(['delete', box.id()], { cwd: '/' }).status, 0)
})

t.test('the version has the lines that engines look for', skip, async t => {
  const { status, stdout, stderr } = tsrun(['--version'])
  t.same({ status, stderr }, { status: 0, stderr: '' })
  t.match(stdout, /^tsrun version [0-9]+\.[0-9]+\.[0-9]+\n/)
  t.match(stdout, /^spec: 1\.[0-9]+\.[0-9]+$/m)
  t.match(stdout, ENGINE_LINE)
  const theirs = execute('runc', ['--version']).stdout
  const libseccomp = (text: string) => /^libseccomp: (.*)$/m.exec(text)?.[1]
  t.equal(libseccomp(stdout), libseccomp(theirs), 'the same library')
  t.equal(tsrun(['-v']).stdout, stdout)
})
