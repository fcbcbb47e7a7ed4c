/** What is measured: each subject has a function that runs so many cycles and returns the microseconds of each. */
import { execFile, fork } from 'node:child_process'
import { on } from 'node:events'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const here = dirname(fileURLToPath(import.meta.url))
const command = join(here, '..', 'dist', 'cli', 'tsrun.cjs')
const run = promisify(execFile)

/** Runs a program where /sys/fs/cgroup is a single cgroup v2, without touching the host's. */
export const INSIDE_V2 = [
  'unshare',
  '-m',
  'sh',
  '-c',
  'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"',
  'sh',
]

/** The benchmark's C programs. */
export async function compile(folder) {
  const compiler = process.env.CC ?? 'cc'
  const floor = join(folder, 'floor')
  const time = join(folder, 'time')
  const sources = ['floor.c', 'init.c', 'devices.c'].map(name => join(here, 'floor', name))
  await run(compiler, ['-O2', '-static', '-o', floor, ...sources])
  await run(compiler, ['-O2', '-o', time, join(here, 'time.c')])
  return { floor, time }
}

/** Starts a process with the library in it. `ask` sends it a request and resolves with the answer. */
export function startProcess({ bundle, state, view = 'host', megabytes = 0 }) {
  const [program, ...before] = view === 'v2' ? [...INSIDE_V2, process.execPath] : [process.execPath]
  const options = ['--expose-gc', '--max-old-space-size=4096']
  const child = fork(join(here, 'in-process.mjs'), [bundle, state, String(megabytes)], {
    execPath: program,
    execArgv: [...before, ...options],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const answers = on(child, 'message', { close: ['exit'] })
  const ask = async (name, rest = {}) => {
    child.send({ name, ...rest })
    const { done, value } = await answers.next()
    const { error, result } = done
      ? { error: `the process ended with ${child.exitCode ?? child.signalCode}` }
      : value[0]
    if (error) throw new Error(error)
    return result
  }
  return { ask, stop: () => child.kill() }
}

/** A subject that is a program which prints the microseconds of each cycle. */
const program =
  (view, ...words) =>
  async cycles => {
    const [file, ...rest] = [
      ...(view === 'v2' ? INSIDE_V2 : []),
      ...words.map(word => (word === 'CYCLES' ? String(cycles) : word)),
    ]
    const { stdout } = await run(file, rest)
    return stdout.trim().split('\n').map(Number)
  }

function commandsOf({ time, bundle, state, view }) {
  const timed = (...words) => program(view, time, 'CYCLES', ...words)
  const root = name => ['--root', join(state, `${name}-${view}`)]
  const id = name => `bench-${name}-${process.pid}-%`
  return {
    tsrun: timed(process.execPath, command, ...root('tsrun'), 'run', '--bundle', bundle, id('tsrun')),
    runc: timed('runc', ...root('runc'), 'run', '--bundle', bundle, id('runc')),
    crun: timed('crun', ...root('crun'), 'run', '--bundle', bundle, id('crun')),
    node: timed(process.execPath, '-e', '0'),
  }
}

/** Each round has so many. */
const createsOf = library =>
  [false, true].map(inFlight => ({
    name: inFlight ? 'create, 100 in flight' : 'create, one by one',
    view: 'host',
    cycles: 100,
    run: count => library.ask('creates', { count, inFlight }),
  }))

/** All subjects, in both views of the cgroups, with how many cycles each has in a round. */
export async function makeSubjects({ bundle, rootfs, state, programs }) {
  const processes = []
  const subjects = []
  for (const view of ['host', 'v2']) {
    const { tsrun, runc, crun, node } = commandsOf({ time: programs.time, bundle, state, view })
    const folder = join(state, `library-${view}`)
    mkdirSync(folder)
    const library = startProcess({ bundle, view, state: folder })
    processes.push(library)
    subjects.push(
      { name: 'C floor', view, cycles: 40, run: program(view, programs.floor, rootfs, state, 'CYCLES') },
      { name: 'tsrun in-process', view, cycles: 40, run: count => library.ask('cycles', { count }) },
      { name: 'tsrun prepared', view, cycles: 40, run: count => library.ask('cycles', { count, maker: 'prepared' }) },
      ...(view === 'host' ? createsOf(library) : []),
      { name: 'tsrun run', view, cycles: 10, run: tsrun },
      { name: 'runc run', view, cycles: 10, run: runc },
      // It knows no mixture of cgroup v1 and v2.
      ...(view === 'v2' ? [{ name: 'crun run', view, cycles: 10, run: crun }] : []),
      ...(view === 'host' ? [{ name: 'node -e 0', view, cycles: 10, run: node }] : []),
    )
  }
  const stop = () => {
    for (const process of processes) process.stop()
  }
  return { subjects, stop }
}
