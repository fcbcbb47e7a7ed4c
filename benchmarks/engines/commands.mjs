/** The commands, and `exec` of the library, where cgroup v2 is all there is: crun knows no mixture of v1 and v2. */
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { command, executable, pathOf } from '../machine.mjs'
import { INSIDE_V2 } from '../subjects.mjs'

const here = dirname(fileURLToPath(import.meta.url))
/** Beside the one that lasts, for `list`. */
const CROWD = [1, 2, 3, 4, 5, 6, 7, 8, 9]

/** The same bundle, with a program that stays. */
function makeLasting(bundle, folder) {
  mkdirSync(folder)
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
  config.process.args = ['/bin/busybox', 'sleep', '100000']
  config.root.path = join(bundle, 'rootfs')
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  return folder
}

/** What a container started may hold our standard error open: nobody waits for the end of that. */
async function lines(words) {
  const [file, ...rest] = [...INSIDE_V2, ...words]
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', more => (text += more))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}`)
  return text.trim().split('\n').map(Number)
}

function subjectsOf({ name, words, time, bundle, id }) {
  const timed = (cycles, ...rest) => lines([time, String(cycles), ...words, ...rest])
  const one = `${id}-${name}-once-%`
  return [
    {
      what: 'create, start, delete',
      name: `${name}, the command`,
      cycles: 6,
      run: async cycles => {
        const steps = [
          await timed(cycles, 'create', '--bundle', bundle, one),
          await timed(cycles, 'start', one),
          await timed(cycles, 'delete', '--force', one),
        ]
        return steps[0].map((_, index) => steps.reduce((sum, step) => sum + step[index], 0))
      },
    },
    { what: 'run', name: `${name} run`, cycles: 6, run: cycles => timed(cycles, 'run', '--bundle', bundle, one) },
    {
      what: 'exec',
      name: `${name} exec`,
      cycles: 8,
      run: cycles => timed(cycles, 'exec', `${id}-${name}`, '/bin/true'),
    },
    { what: 'state', name: `${name} state`, cycles: 8, run: cycles => timed(cycles, 'state', `${id}-${name}`) },
    { what: 'list of 10', name: `${name} list`, cycles: 4, run: cycles => timed(cycles, 'list') },
  ]
}

/** The most memory that the command's own process has, in KiB. */
function memoryOf({ name, words, time, bundle, id }) {
  const most = (cycles, ...rest) => lines([time, '-m', String(cycles), ...words, ...rest])
  const one = `${id}-${name}-memory-%`
  const subject = (step, run) => ({ what: `memory of ${step}`, name: `${name}, memory of ${step}`, cycles: 2, run })
  return [
    subject('run', cycles => most(cycles, 'run', '--bundle', bundle, one)),
    subject('exec', cycles => most(cycles, 'exec', `${id}-${name}`, '/bin/true')),
    subject('state', cycles => most(cycles, 'state', `${id}-${name}`)),
    subject('create', async cycles => {
      const figures = await most(cycles, 'create', '--bundle', bundle, one)
      await most(cycles, 'delete', '--force', one)
      return figures
    }),
  ]
}

async function startLibrary(bundle, state) {
  mkdirSync(state)
  const [program, ...before] = [...INSIDE_V2, process.execPath]
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = fork(join(here, 'in-process.mjs'), [bundle, state], { execPath: program, execArgv: before, stdio })
  const ended = once(child, 'exit').then(() => [null])
  const ask = async cycles => {
    child.send(cycles)
    const [times] = await Promise.race([once(child, 'message'), ended])
    if (times === null) throw new Error('the process with the library has ended')
    return times
  }
  const stop = async () => {
    if (child.connected) child.disconnect()
    await ended
  }
  return { ask, stop }
}

/** @param {{ bundle: string, folder: string, state: string, time: string }} options */
export async function makeCommands({ bundle, folder, state, time }) {
  const lasting = makeLasting(bundle, join(folder, 'lasting'))
  const id = `bench-engines-${process.pid}`
  const programs = { tsrun: [process.execPath, command], standalone: [executable] }
  const runtimes = ['tsrun', 'standalone', 'runc', 'crun'].map(name => ({
    name,
    words: [...(programs[name] ?? [pathOf(name)]), '--root', join(state, name)],
  }))
  const quietly = (words, ...rest) =>
    execFileSync(INSIDE_V2[0], [...INSIDE_V2.slice(1), ...words, ...rest], { stdio: ['ignore', 'ignore', 'inherit'] })
  const library = await startLibrary(lasting, join(state, 'library'))
  for (const { name, words } of runtimes) {
    quietly(words, 'run', '--detach', '--bundle', lasting, `${id}-${name}`)
    for (const number of CROWD) quietly(words, 'create', '--bundle', bundle, `${id}-${name}-listed-${number}`)
  }
  const subjects = [
    ...runtimes.flatMap(({ name, words }) => subjectsOf({ name, words, time, bundle, id })),
    ...runtimes.flatMap(({ name, words }) => memoryOf({ name, words, time, bundle, id })),
    { what: 'exec', name: 'tsrun in-process', cycles: 20, run: library.ask },
    {
      what: 'state',
      name: 'node -e 0',
      cycles: 8,
      run: cycles => lines([time, String(cycles), process.execPath, '-e', '0']),
    },
  ]
  const stop = async () => {
    await library.stop()
    for (const { name, words } of runtimes) {
      quietly(words, 'delete', '--force', `${id}-${name}`)
      for (const number of CROWD) quietly(words, 'delete', '--force', `${id}-${name}-listed-${number}`)
    }
  }
  return { subjects, stop }
}
