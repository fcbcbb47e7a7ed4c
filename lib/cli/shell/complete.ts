/** What may stand where the cursor is: worked out from the table of commands and flags, the same for every shell. */
import { constants } from 'node:os'
import type { Command, Commands, Completion, Flag } from '../command.js'
import { GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG } from '../globals.js'

export interface Candidate {
  readonly word: string
  /** One line; "" if there is nothing to say. */
  readonly about: string
}

export interface Suggestions {
  readonly candidates: readonly Candidate[]
  /** The shell knows paths best. */
  readonly paths: 'files' | 'directories' | null
}

/** What is there to be completed. */
export interface Known {
  readonly commands: Commands
  /** The containers of the state directory that the words name, or of the default one. */
  readonly containers: (root: string | undefined) => Promise<readonly Candidate[]>
}

const NOTHING: Suggestions = { candidates: [], paths: null }

/** `words` are those after `tsrun`, up to the one that is being written, which may be "". */
export async function complete(words: readonly string[], known: Known): Promise<Suggestions> {
  const front = read(words, { flags: [...GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG], stopsAtArgument: true })
  const sources = sourcesOf(known, front.given.get('root'))
  if (front.open !== null) return suggest(front.open, sources)
  const [name = '', ...rest] = front.args
  if (front.args.length === 1) return startingWith(name, await sources.command())
  const command = await load(name, known.commands)
  if (command === null) return NOTHING
  const own = read(rest, { ...command, flags: [...command.flags, HELP_FLAG] })
  if (own.open !== null) return suggest(own.open, sources)
  const completion = command.completes?.[own.args.length - 1]
  return completion === undefined ? NOTHING : suggest({ completion, start: own.args.at(-1) ?? '', before: '' }, sources)
}

/** Something that is being written. */
interface Open {
  readonly completion: Completion | readonly Candidate[]
  readonly start: string
  /** What stands in front of it in the same word, such as `--format=`. */
  readonly before: string
}

interface ReadWords {
  /** The last one is being written, unless a flag is (`open`). */
  readonly args: readonly string[]
  readonly given: ReadonlyMap<string, string>
  readonly open: Open | null
}

type Scope = Pick<Command, 'flags' | 'stopsAtArgument'>

function read(words: readonly string[], scope: Scope): ReadWords {
  const { args, given, takes, isOver } = readWhole(words.slice(0, -1), scope)
  const last = words.at(-1) ?? ''
  if (takes !== undefined) return { args, given, open: openValue(takes, last, '') }
  if (!isOver && last.startsWith('-')) return { args, given, open: openFlag(last, scope.flags) }
  return { args: [...args, last], given, open: null }
}

/** The words that have been written. `takes`: the flag whose value comes next; `isOver`: nothing after them is a flag. */
function readWhole(words: readonly string[], { flags, stopsAtArgument = false }: Scope) {
  const given = new Map<string, string>()
  const args: string[] = []
  let takes: Flag | undefined
  for (const [index, word] of words.entries()) {
    const isFlag = takes === undefined && word.startsWith('-')
    if (takes !== undefined) given.set(takes.name, word)
    else if (!isFlag) args.push(word)
    takes = isFlag ? takeFlag(word, flags, given) : undefined
    if (word === '--' || (stopsAtArgument && args.length > 0)) {
      return { args: [...args, ...words.slice(index + 1)], given, takes: undefined, isOver: true }
    }
  }
  return { args, given, takes, isOver: false }
}

/** The flag whose value comes in the next word. */
function takeFlag(word: string, flags: readonly Flag[], given: Map<string, string>): Flag | undefined {
  const [, name = '', value] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? []
  const flag = flags.find(each => each.name === name || each.short === name)
  if (flag?.value === undefined) return undefined
  if (value === undefined) return flag
  given.set(flag.name, value)
  return undefined
}

function openFlag(word: string, flags: readonly Flag[]): Open {
  const [, before, name, start = ''] = /^(--?([^=]*)=)(.*)$/s.exec(word) ?? []
  const flag = flags.find(each => each.name === name || each.short === name)
  if (before === undefined) return { completion: flagCandidates(flags), start: word, before: '' }
  return flag === undefined ? { completion: [], start, before } : openValue(flag, start, before)
}

const openValue = ({ completes = [] }: Flag, start: string, before: string): Open => ({
  completion: completes,
  start,
  before,
})

const flagCandidates = (flags: readonly Flag[]): readonly Candidate[] =>
  flags
    .filter(({ isHidden }) => isHidden !== true)
    .flatMap(({ name, short, help }) => [
      { word: `--${name}`, about: help },
      ...(short === undefined ? [] : [{ word: `-${short}`, about: help }]),
    ])

async function load(
  name: string,
  commands: Commands,
): Promise<Pick<Command, 'flags' | 'completes' | 'stopsAtArgument'> | null> {
  if (name === 'help' || name === 'h') return { flags: [], completes: ['command'] }
  return Object.hasOwn(commands, name) ? ((await commands[name]?.()) ?? null) : null
}

type Source = () => Promise<readonly Candidate[]>
type Sources = Readonly<Record<'container' | 'command' | 'signal', Source>>

const sourcesOf = ({ commands, containers }: Known, root: string | undefined): Sources => ({
  container: () => containers(root),
  command: () =>
    Promise.all(Object.entries(commands).map(async ([word, load]) => ({ word, about: (await load()).summary }))),
  signal: async () =>
    Object.entries(constants.signals).map(([name, number]) => ({
      word: name.slice('SIG'.length),
      about: `signal ${number}`,
    })),
})

async function suggest({ completion, start, before }: Open, sources: Sources): Promise<Suggestions> {
  if (completion === 'file') return { candidates: [], paths: 'files' }
  if (completion === 'directory') return { candidates: [], paths: 'directories' }
  const all = typeof completion === 'string' ? await sources[completion]() : completion.map(asCandidate)
  const { candidates } = startingWith(start, all)
  return { candidates: candidates.map(({ word, about }) => ({ word: before + word, about })), paths: null }
}

const asCandidate = (each: string | Candidate): Candidate =>
  typeof each === 'string' ? { word: each, about: '' } : each

const startingWith = (start: string, candidates: readonly Candidate[]): Suggestions => ({
  candidates: candidates.filter(({ word }) => word.startsWith(start)),
  paths: null,
})
