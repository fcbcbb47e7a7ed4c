/** Every command with every flag in many ways, most of them wrong: the executable and Node's form write and return the same. */
import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { Flag } from '../../lib/cli/command.js'
import { COMMANDS } from '../../lib/cli/commands/index.js'
import { GLOBAL_FLAGS } from '../../lib/cli/globals.js'
import { execute, type Outcome } from '../command.js'
import { effort } from '../effort.js'
import { END, EXECUTABLE, settled, settledText } from '../forms.js'
import { missing } from '../needs.js'

/** The executable refuses them (standalone.test.ts). */
const OF_NODE = ['doctor', 'image', 'sandbox', 'volume']
const OF_IMAGES = ['image', 'volume']
const names = Object.keys(COMMANDS).filter(name => !OF_NODE.includes(name))
type Words = readonly string[]

/** With what is right for some flags and wrong for others, with too few arguments and too many. */
const valuesOf = ({ name, value }: Flag): readonly Words[] =>
  value === undefined
    ? [[`--${name}`], [`--${name}=true`], [`--${name}=maybe`]]
    : [[`--${name}`], ...['', '-1', 'x\té', '/no/such'].map(text => [`--${name}`, text])]

async function callsOf(name: string): Promise<readonly Words[]> {
  const { flags } = await COMMANDS[name as keyof typeof COMMANDS]()
  const short = flags.flatMap(flag => (flag.short === undefined ? [] : [[`-${flag.short}`], [`-${flag.short}`, '/x']]))
  const given = [...flags.filter(flag => !OF_IMAGES.includes(flag.name)).flatMap(valuesOf), ...short]
  const plain: readonly Words[] = [
    [],
    ['-h'],
    ['--help'],
    ['--nothing'],
    ['-Z'],
    ['--'],
    ['--', '-x'],
    ['x'],
    ['../x'],
    ['x', 'y', 'z', 'w'],
  ]
  return [...plain, ...given, ...given.map(words => [...words, 'no-such'])].map(words => [name, ...words])
}

const globalCalls: readonly Words[] = GLOBAL_FLAGS.flatMap(flag =>
  valuesOf(flag).flatMap(words => [
    words,
    [...words, 'state', 'no-such'],
    [...words, 'nothing'],
    [...words, 'kill', 'x', 'BAD'],
  ]),
)

const completions = (calls: readonly Words[]): readonly Words[] =>
  calls.filter(words => words.length < 4).map(words => ['completion', 'words', '--', ...words, ''])

async function allCalls(folder: string): Promise<readonly Words[]> {
  const calls = (await Promise.all(names.map(callsOf))).flat()
  const logged: readonly Words[] = [
    ['--log-format', 'json'],
    ['--debug'],
    ['--log', join(folder, 'log'), '--log-format', 'json', '--debug'],
  ]
  const wrong = calls.filter(words => words.length === 2)
  return [
    ...[[], ['h'], ['help'], ['help', 'x'], ['help', 'run', 'y'], ['x']],
    ...names.map(name => ['help', name]),
    ...['bash', 'zsh', 'fish', 'x'].map(shell => ['completion', shell]),
    ...globalCalls,
    ...[...calls, ...logged.flatMap(words => wrong.map(call => [...words, ...call]))].map(words => [
      '--root',
      join(folder, 'state'),
      ...words,
    ]),
    ...completions(calls),
  ]
}

/** Of each call, one after the other, in a process each. */
const ofExecutable = (calls: readonly Words[], cwd: string): readonly Outcome[] =>
  calls.map(args => settled(execute(EXECUTABLE, args, { cwd })))

function ofNode(calls: readonly Words[], cwd: string): readonly Outcome[] {
  const words = [`--import=${resolve('node_modules/tsx/dist/esm/index.mjs')}`, resolve('test/integration/answers.ts')]
  const { status, stdout, stderr } = execute(process.execPath, words, { cwd, input: JSON.stringify(calls) })
  if (status !== 0) throw new Error(stderr)
  const errors = stderr.split(`${END}\n`)
  return stdout
    .split(END)
    .slice(1)
    .map((rest, index) => {
      const before = stdout.split(END)[index] ?? ''
      return settled({
        status: Number(rest.split('\n')[0]),
        stdout: index === 0 ? before : before.slice(before.indexOf('\n') + 1),
        stderr: errors[index] ?? '',
      })
    })
}

t.test('many calls are answered alike, byte for byte', { skip: missing('standalone'), timeout: 600_000 }, async t => {
  const folder = t.testdir({ place: {} })
  const place = join(folder, 'place')
  const step = effort.times > 1 ? 1 : 3
  const calls = (await allCalls(folder)).filter((_, index) => index % step === 0)
  t.comment(`${calls.length} calls`)
  /** What the calls have left, and the log. */
  const forget = (): string => {
    const log = readFileSync(join(folder, 'log'), 'utf8')
    for (const name of ['log', 'state', 'place/config.json'])
      rmSync(join(folder, name), { recursive: true, force: true })
    return settledText(log)
  }
  const ours = ofExecutable(calls, place)
  const ourLog = forget()
  const theirs = ofNode(calls, place)
  t.equal(ourLog, forget())
  const wrong = calls.flatMap((words, index) =>
    JSON.stringify(ours[index]) === JSON.stringify(theirs[index])
      ? []
      : [{ words, ours: ours[index], theirs: theirs[index] }],
  )
  t.same(wrong, [])
  t.ok(new Set(theirs.map(answer => JSON.stringify(answer))).size > calls.length / 10, 'answers are of many kinds')
})
