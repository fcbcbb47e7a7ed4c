/** Commands that have verbs of their own: `tsrun image pull`. */
import type { Call, Flag, Flags } from './command.js'
import { checkCount, UsageError } from './command-line.js'
import { failing } from './open-runtime.js'
import { catchEnding } from './signals.js'

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

interface Verbose<Work> {
  readonly command: string
  readonly verbs: Verbs<Work>
  /** The flags that are for some verbs only. */
  readonly known: readonly Flag[]
}

interface Chosen<Work> {
  /** With the command: `image pull`. */
  readonly name: string
  readonly verb: Verb<Work>
  readonly args: readonly string[]
  readonly flags: Flags
}

/** Has `act` run the verb of the call; a signal that ends the command aborts `signal`. @throws {UsageError} */
export async function runVerb<Work>(
  verbose: Verbose<Work>,
  call: Call,
  act: (chosen: Chosen<Work>, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const chosen = chosenVerb(verbose, call)
  return failing(chosen.name, async () => {
    const signals = catchEnding()
    try {
      await act(chosen, signals.cancel)
      return 0
    } finally {
      signals.release()
    }
  })
}

function chosenVerb<Work>(
  { command, verbs, known }: Verbose<Work>,
  { flags, args: [first = '', ...args] }: Call,
): Chosen<Work> {
  const verb = Object.hasOwn(verbs, first) ? verbs[first] : undefined
  if (verb === undefined) throw new UsageError(`tsrun ${command} has no ${first}: ${Object.keys(verbs).join(', ')}`)
  const name = `${command} ${first}`
  checkCount(name, args.length, verb.arguments)
  const foreign = known.find(flag => isGiven(flags, flag) && !verb.flags.includes(flag.name))
  if (foreign !== undefined) throw new UsageError(`--${foreign.name} is no flag of ${name}`)
  return { name, verb, args, flags }
}

const isGiven = (flags: Flags, { name, value }: Flag): boolean =>
  value === undefined ? flags.isOn(name) : flags.text(name) !== undefined
