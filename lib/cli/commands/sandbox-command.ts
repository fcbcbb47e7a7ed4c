import type { ExitResult, RootChange } from '../../index.js'
import { isTsrunError } from '../../index.js'
import type { Sandbox } from '../../sandbox/index.js'
import type { Call, Command, Flags } from '../command.js'
import { UsageError } from '../command-line.js'
import { print, printError } from '../log.js'
import { failing } from '../open-runtime.js'
import { SANDBOX_FLAGS, sandboxOptions, timeoutOf } from '../sandbox-flags.js'
import { catchEnding, exitStatusOf, Interrupted } from '../signals.js'

const TIMED_OUT = 124
const FAILED = 125
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127

export const command: Command = {
  summary: 'run a command that nobody trusts',
  usage: '[command options] -- COMMAND [ARGUMENT...] | prune',
  description: `The command has no network, sees the files that it is given, and has no privileges. What it has changed is said on standard error.
The exit status is its own, or 128 + the number of the signal that ended it (137: SIGKILL, also of the memory limit).
${TIMED_OUT}: it came to its time-out; ${FAILED}: the sandbox could not be made; ${NOT_EXECUTABLE}: the command can't be executed; ${NOT_FOUND}: it is not there.
prune: remove what processes that were killed have left, and print the ids. A program of this name is run by its path.`,
  flags: SANDBOX_FLAGS,
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  completes: [['prune']],
  stopsAtArgument: true,
  run: async call => {
    try {
      return await failing('sandbox', () => (isPrune(call) ? prune(call.flags) : run(call)))
    } catch (error) {
      if (error instanceof UsageError || error instanceof Interrupted) throw error
      call.globals.log.error((error as Error).message)
      return statusOfFailure((error as Error).cause)
    }
  },
}

const isPrune = ({ args }: Call): boolean => args.length === 1 && args[0] === 'prune'

async function prune(flags: Flags): Promise<number> {
  const foreign = SANDBOX_FLAGS.find(({ name, value, isList = false }) =>
    isList ? flags.list(name).length > 0 : value === undefined ? flags.isOn(name) : flags.text(name) !== undefined,
  )
  if (foreign !== undefined) throw new UsageError(`--${foreign.name} is no flag of sandbox prune`)
  const { Sandbox } = await import('../sandbox-library.js')
  print((await Sandbox.prune()).map(id => `${id}\n`).join(''))
  return 0
}

function statusOfFailure(cause: unknown): number {
  if (!isTsrunError(cause) || cause.code !== 'ERR_LAUNCH_EXEC') return FAILED
  return 'errno' in cause && cause.errno === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE
}

interface Ending {
  readonly result: ExitResult
  readonly timedOut: boolean
  readonly changes: readonly RootChange[]
}

async function run({ flags, args }: Call): Promise<number> {
  const timeoutMs = timeoutOf(flags)
  const options = await sandboxOptions(flags)
  const { Sandbox } = await import('../sandbox-library.js')
  const signals = catchEnding()
  try {
    await using box = await Sandbox.create({ ...options, signal: signals.cancel })
    for (const missing of box.isolation.missing) tell(`without ${missing}`)
    if (!hasChanges(box)) tell('without a list of what has changed')
    const ending = await runIn(box, { args, timeoutMs, isQuiet: flags.isOn('quiet'), cancel: signals.cancel })
    report(box, ending, flags.text('timeout') ?? '')
    return ending.timedOut ? TIMED_OUT : exitStatusOf(ending.result)
  } finally {
    signals.release()
  }
}

interface Asked {
  readonly args: readonly string[]
  readonly timeoutMs: number
  readonly isQuiet: boolean
  readonly cancel: AbortSignal
}

async function runIn(box: Sandbox, { args, timeoutMs, isQuiet, cancel }: Asked): Promise<Ending> {
  const { passOn } = await import('../caller-streams.js')
  const process = await box.commands.start(args, { signal: cancel })
  const passed = passOn(process)
  passed.catch(() => {})
  let killing: Promise<boolean> | null = null
  let failed: (error: unknown) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    failed = reject
  })
  const end = (): void => {
    killing = process.kill()
    killing.catch(failed)
  }
  // setTimeout takes no more than 31 bits: that is 24 days.
  const timer = timeoutMs < 2 ** 31 ? setTimeout(end, timeoutMs) : undefined
  try {
    const result = await Promise.race([process.exited, failure])
    clearTimeout(timer)
    // All that it has started is gone then, too.
    const timedOut = (await killing) === true && result.signal === 'SIGKILL'
    cancel.throwIfAborted()
    const changes = isQuiet || !hasChanges(box) ? [] : await box.diff('/', { signal: cancel })
    // With it end all that still hold its pipes: what was written is then passed on to the end.
    await box.stop()
    await passed
    return { result, timedOut, changes }
  } finally {
    clearTimeout(timer)
  }
}

/** Where it has no root of its own nobody knows what was there before. */
const hasChanges = ({ isolation }: Sandbox): boolean => isolation.level !== 'landlock'

const tell = (text: string): void => printError(`tsrun: ${text}\n`)

const MOST_TOLD = 1000

function report(box: Sandbox, { result, timedOut, changes }: Ending, timeout: string): void {
  if (timedOut) tell(`timeout: it was ended after ${timeout}`)
  else if (result.oomKilled) tell('memory: the kernel ended it, or a process of it, at the memory limit')
  else if (result.signal !== null) tell(`signal: it was ended by ${result.signal}`)
  for (const { host, port, reason } of box.denials)
    tell(`denied: ${shown(`${host}${port === null ? '' : `:${port}`}`)} (${reason})`)
  for (const { change, path } of changes.slice(0, MOST_TOLD)) tell(`${change} ${shown(path)}`)
  if (changes.length > MOST_TOLD) tell(`and ${changes.length - MOST_TOLD} more changes`)
}

/** Names are the command's own: none of them is to speak to the terminal. */
const shown = (name: string): string =>
  /^[^\p{C}]*$/u.test(name) ? name : JSON.stringify(name).replace(/\p{C}/gu, escaped)
const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`
