/** SIGHUP, SIGINT, SIGPIPE and SIGTERM at any moment of a command, with both of its forms: it ends, and delete removes what is left. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { leftovers, makeBundle, type TestBundle } from '../bundle.js'
import { execute } from '../command.js'
import { type Random, randomFrom } from '../config/mutate.js'
import { effort } from '../effort.js'
import { EXECUTABLE, NODE_FORM, settledText } from '../forms.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const ROUNDS = 8 * effort.times
/** Far above what a busy machine takes. */
const BOUND_MS = 20_000
const PARTS = 1000
const FORMS: Readonly<Record<string, readonly string[]>> = {
  executable: [EXECUTABLE],
  node: [process.execPath, NODE_FORM],
}
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGPIPE', 'SIGTERM'] as const
type Signal = (typeof SIGNALS)[number]

interface Trial {
  readonly words: (id: string) => readonly string[]
  /** What the container is before: none, or this. */
  readonly before?: 'created' | 'running'
  /** Of the command that nothing disturbs. */
  readonly status: number
}

/** By itself it ends after a tenth of a second, and by any of the signals with 7. */
const SHORT = 'trap "exit 7" HUP INT PIPE TERM; sleep 0.1 & wait $!; exit 3'

const TRIALS: Readonly<Record<string, Trial>> = {
  run: { words: id => ['run', id], status: 3 },
  create: { words: id => ['create', id], status: 0 },
  start: { words: id => ['start', id], before: 'created', status: 0 },
  exec: { words: id => ['exec', id, 'sh', '-c', SHORT], before: 'running', status: 3 },
  'exec --detach': { words: id => ['exec', '--detach', id, 'sleep', '0.1'], before: 'running', status: 0 },
  state: { words: id => ['state', id], before: 'running', status: 0 },
  list: { words: () => ['list'], before: 'running', status: 0 },
  'events --stats': { words: id => ['events', '--stats', id], before: 'running', status: 0 },
  pause: { words: id => ['pause', id], before: 'running', status: 0 },
  update: { words: id => ['update', '--memory', '100000000', id], before: 'running', status: 0 },
  kill: { words: id => ['kill', id, 'KILL'], before: 'running', status: 0 },
  delete: { words: id => ['delete', '--force', id], before: 'running', status: 0 },
}

interface Ended {
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
}

interface Call {
  readonly box: TestBundle
  readonly form: readonly string[]
  readonly words: readonly string[]
}

/** Sends `signal` after that time, and waits for the end. It is a session of its own, by which its processes are found. */
async function call({ box, form, words }: Call, after?: readonly [ms: number, signal: Signal]): Promise<Ended> {
  const [program = '', ...rest] = form
  const [output, errors] = ['output', 'errors'].map(name => join(box.directory, name))
  const fds = [output, errors].map(path => openSync(path ?? '', 'w'))
  // tap has a module of its own loaded by each Node below it.
  const env = { PATH: process.env.PATH ?? '' }
  const child = spawn(program, [...rest, '--root', box.runtime.root, ...words], {
    cwd: box.bundle,
    env,
    stdio: ['ignore', ...fds],
    detached: true,
  })
  for (const fd of fds) closeSync(fd)
  const ended = once(child, 'exit')
  const bound = setTimeout(() => child.kill('SIGKILL'), BOUND_MS)
  if (after !== undefined) {
    // The moment is what is tried, and not waited for.
    await sleep(after[0])
    child.kill(after[1])
  }
  const [status, signal] = await ended
  clearTimeout(bound)
  await until(() => inSession(child.pid ?? 0).length === 0, `${words.join(' ')}: no process of its session is left`)
  return { status, signal, stderr: settledText(readFileSync(errors ?? '', 'utf8')) }
}

/** Those that have not ended; the container's processes have sessions of their own. */
function inSession(session: number): readonly string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [state, , , of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(of) === session && state !== 'Z' && state !== 'X'
    } catch {
      return false
    }
  })
}

async function prepare(box: TestBundle, id: string, name: string): Promise<void> {
  box.configure(config => (config.process.args = name === 'run' ? ['/bin/sh', '-c', SHORT] : ['/bin/sleep', '100']))
  const before = TRIALS[name]?.before
  if (before === undefined) return
  const container = await box.runtime.create({ id, bundle: box.bundle, stdio: 'ignore' })
  if (before === 'running') await container.start()
}

/** How it ended: as if nothing had come, by the signal, or with what says so. Anything else is told as it is. */
function kindOf({ status, signal, stderr }: Ended, trial: Trial, sent: Signal): string {
  const number = constants.signals[sent]
  if (signal === sent && stderr === '') return 'ended by the signal'
  if (status === trial.status && stderr === '') return 'as usual'
  if (status === 128 + number && /^(time=TIME level=error msg="[^"]*interrupted by SIG[A-Z]+"\n)?$/.test(stderr))
    return 'interrupted'
  if (status === 7 && stderr === '') return 'passed on'
  return JSON.stringify({ status, signal, stderr })
}

const KINDS = ['ended by the signal', 'as usual', 'interrupted', 'passed on']

interface Round {
  readonly box: TestBundle
  readonly form: string
  readonly name: string
  readonly sent: Signal
  /** Milliseconds from its start. */
  readonly after: number
}

function trialOf(name: string): Trial {
  const trial = TRIALS[name]
  if (trial === undefined) throw new Error(name)
  return trial
}

async function tryOne({ box, form, name, sent, after }: Round, id: string): Promise<string> {
  const [program = '', ...rest] = FORMS[form] ?? []
  const trial = trialOf(name)
  await prepare(box, id, name)
  const ended = await call({ box, form: [program, ...rest], words: trial.words(id) }, [after, sent])
  const { status, stderr } = execute(program, [...rest, '--root', box.runtime.root, 'delete', '--force', id])
  if (status !== 0) throw new Error(`delete after ${name}, ${sent}: ${stderr}`)
  await until(() => leftovers(id).length === 0, 'nothing is left')
  return kindOf(ended, trial, sent)
}

/** Milliseconds that the command takes with that form if nothing disturbs it. */
async function timeOf(box: TestBundle, form: string, name: string): Promise<number> {
  const id = box.id(`usual-${form}-${name.replaceAll(/\W/g, '')}`)
  const trial = trialOf(name)
  await prepare(box, id, name)
  const began = performance.now()
  const { status, stderr } = await call({ box, form: FORMS[form] ?? [], words: trial.words(id) })
  const took = performance.now() - began
  if (status !== trial.status) throw new Error(`${form} ${name}: ${status}: ${stderr}`)
  await box.runtime.delete(id, { force: true })
  return took
}

const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)] as T

t.test(
  `${ROUNDS} signals, each to both forms`,
  { skip: missing('standalone', 'root', 'busybox'), timeout: 3_600_000 },
  async t => {
    const box = makeBundle(t)
    const random = randomFrom(effort.seed)
    const [usual, told] = [new Map<string, number>(), new Map<string, number>()]
    for (let round = 0; round < ROUNDS; round++) {
      const [name, sent, part] = [pick(random, Object.keys(TRIALS)), pick(random, SIGNALS), random(PARTS) / PARTS]
      for (const form of Object.keys(FORMS)) {
        const time = usual.get(name + form) ?? (await timeOf(box, form, name))
        usual.set(name + form, time)
        const kind = await tryOne({ box, form, name, sent, after: part * time }, box.id(`${form}-${round}`))
        t.ok(KINDS.includes(kind), `${name}, ${sent} at ${part}, ${form}: ${kind}`)
        const line = `${name}, ${form}: ${kind}`
        told.set(line, (told.get(line) ?? 0) + 1)
      }
    }
    t.comment(
      [...told]
        .map(([what, count]) => `${what}: ${count}`)
        .sort()
        .join('\n'),
    )
    t.same(readdirSync(box.runtime.root), [])
  },
)
