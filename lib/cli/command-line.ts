/**
 * Flags as the other runtimes' callers write them: `-name`, `--name`, `--name=value`, `--name value`, `-n value`, `-abc`;
 * `--` ends them. (`parseArgs` of node:util reads `-name` as five short flags and refuses values with a dash in front.)
 */
import type { Command, Flag, Flags } from './command.js'

/** The command line cannot be understood: the help is shown. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface ParsedArguments {
  readonly flags: Flags
  readonly args: readonly string[]
}

type Values = Map<string, string | boolean | number | readonly string[]>

type Expected = Pick<Command, 'flags' | 'stopsAtArgument' | 'passesFlags'>

/** @throws {UsageError} for an unknown flag, a missing value, or one of the wrong kind */
export function parseArguments(
  argv: readonly string[],
  { flags, stopsAtArgument = false, passesFlags = false }: Expected,
): ParsedArguments {
  const values: Values = new Map()
  const args: string[] = []
  const left = [...argv]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === '--') return { flags: reader(values), args: [...args, ...left] }
    const isPassed = passesFlags && find(partsOf(word).name, flags).length === 0
    if (isFlag(word) && !isPassed) setFlags({ word, flags, values, left })
    else if (stopsAtArgument) return { flags: reader(values), args: [word, ...left] }
    else args.push(word)
  }
  return { flags: reader(values), args }
}

const isFlag = (word: string): boolean => word.startsWith('-') && word !== '-'

function partsOf(word: string): { name: string; given: string | undefined } {
  const [, name = '', given] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? []
  return { name, given }
}

interface Word {
  readonly word: string
  readonly flags: readonly Flag[]
  readonly values: Values
  /** What follows; a value is taken from its front. */
  readonly left: string[]
}

function setFlags({ word, flags, values, left }: Word): void {
  const { name, given } = partsOf(word)
  const found = find(name, flags)
  for (const flag of found.slice(0, -1)) values.set(flag.name, true)
  const last = found.at(-1)
  if (last === undefined) throw new UsageError(`flag provided but not defined: -${name}`)
  if (last.value === undefined) values.set(last.name, toSwitch(last, given))
  else add(values, last, toValue(last, given ?? left.shift()))
}

function add(values: Values, { name, isList = false }: Flag, value: string | number): void {
  const before = (values.get(name) ?? []) as readonly string[]
  values.set(name, isList ? [...before, String(value)] : value)
}

/** The flag of that name, or the switches that a word like `-qf` bundles, of which the last may take a value. */
function find(name: string, flags: readonly Flag[]): readonly Flag[] {
  const one = flags.find(flag => flag.name === name || flag.short === name)
  if (one !== undefined) return [one]
  const bundle = [...name].map(letter => flags.find(({ short }) => short === letter))
  const isBundle = bundle.every((flag, index) => flag?.value === undefined || index === bundle.length - 1)
  return isBundle && !bundle.includes(undefined) ? (bundle as Flag[]) : []
}

const YES: readonly string[] = ['1', 't', 'T', 'true', 'TRUE', 'True']
const NO: readonly string[] = ['0', 'f', 'F', 'false', 'FALSE', 'False']

function toSwitch({ name }: Flag, given: string | undefined): boolean {
  if (given === undefined || YES.includes(given)) return true
  if (NO.includes(given)) return false
  throw new UsageError(`invalid boolean value ${JSON.stringify(given)} for -${name}`)
}

function toValue({ name, kind }: Flag, given: string | undefined): string | number {
  if (given === undefined) throw new UsageError(`flag needs an argument: -${name}`)
  if (kind !== 'count') return given
  if (/^[0-9]{1,9}$/.test(given)) return Number(given)
  throw new UsageError(`invalid value ${JSON.stringify(given)} for flag -${name}: expected a whole number`)
}

function reader(values: Values): Flags {
  return {
    isOn: name => values.get(name) === true,
    text: name => values.get(name) as string | undefined,
    list: name => (values.get(name) as readonly string[] | undefined) ?? [],
    count: name => (values.get(name) as number | undefined) ?? 0,
  }
}

/** @throws {UsageError} unless the number of arguments is right */
export function checkCount(command: string, count: number, { min, max }: { min: number; max: number }): void {
  if (count >= min && count <= max) return
  const wanted = min === max ? `exactly ${min}` : count < min ? `a minimum of ${min}` : `a maximum of ${max}`
  throw new UsageError(`tsrun: ${JSON.stringify(command)} requires ${wanted} argument(s)`)
}
