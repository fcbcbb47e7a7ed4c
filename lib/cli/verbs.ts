/** Commands that have verbs of their own: `tsrun image pull`. */
import type { Call, Flag, Flags } from './command.js'
import { checkCount, UsageError } from './command-line.js'

export interface Verb<Work> {
  /** Its arguments, and what it does. */
  readonly usage: string
  readonly does: string
  /** Those of the command's flags that it takes. */
  readonly flags: readonly string[]
  readonly arguments: { readonly min: number; readonly max: number }
  run(work: Work): Promise<void>
}

export type Verbs<Work> = Readonly<Record<string, Verb<Work>>>

export const verbTexts = (verbs: Verbs<never>): string =>
  Object.values(verbs)
    .map(({ usage, does }) => `${usage}: ${does}.`)
    .join('\n')

interface Chosen<Work> {
  /** With the command: `image pull`. */
  readonly name: string
  readonly verb: Verb<Work>
  readonly args: readonly string[]
}

/** `known`: the flags that are for some verbs only. @throws {UsageError} */
export function chosenVerb<Work>(
  command: string,
  { verbs, known }: { readonly verbs: Verbs<Work>; readonly known: readonly Flag[] },
  { flags, args: [first = '', ...args] }: Call,
): Chosen<Work> {
  const verb = Object.hasOwn(verbs, first) ? verbs[first] : undefined
  if (verb === undefined) throw new UsageError(`tsrun ${command} has no ${first}: ${Object.keys(verbs).join(', ')}`)
  const name = `${command} ${first}`
  checkCount(name, args.length, verb.arguments)
  const foreign = known.find(flag => isGiven(flags, flag) && !verb.flags.includes(flag.name))
  if (foreign !== undefined) throw new UsageError(`--${foreign.name} is no flag of ${name}`)
  return { name, verb, args }
}

const isGiven = (flags: Flags, { name, value }: Flag): boolean =>
  value === undefined ? flags.isOn(name) : flags.text(name) !== undefined
