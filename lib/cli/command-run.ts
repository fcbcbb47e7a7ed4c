/** From the words of a command line to an exit status. */

import type { Command } from './command.js'
import { checkCount, type ParsedArguments, parseArguments, UsageError } from './command-line.js'
import { COMMANDS } from './commands/index.js'
import { checkGlobals, GLOBAL_FLAGS, HELP_FLAG, readGlobals, VERSION_FLAG } from './globals.js'
import { print, printError } from './log.js'
import { Interrupted } from './signals.js'

const FAILURE = 1

class UnknownCommand extends Error {
  override readonly name = 'UnknownCommand'
  /** As with runc. */
  readonly status = 3
}

/** Resolves with the exit status; everything that goes wrong has been told by then. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let parsed: ParsedArguments
  try {
    parsed = parseArguments(argv, { flags: [...GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG], stopsAtArgument: true })
  } catch (error) {
    return misused(error, { help: mainHelpText, tell: message => printError(`${message}\n`) })
  }
  const { flags, args } = parsed
  const [name, ...rest] = args
  if (flags.isOn('version')) return show((await import('./version.js')).versionText())
  if (flags.isOn('help') || name === undefined) return await help(args)
  return await runCommand({ name, argv: rest, globals: parsed })
}

function show(text: string): number {
  print(text)
  return 0
}

async function mainHelpText(): Promise<string> {
  const { mainHelp } = await import('./shell/help.js')
  const entries = Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).summary] as const)
  return mainHelp(await Promise.all(entries))
}

async function commandHelpText(name: string, command: Command): Promise<string> {
  const [{ commandHelp }, { LESSONS }] = await Promise.all([import('./shell/help.js'), import('./shell/help-texts.js')])
  return commandHelp(name, command, LESSONS[name as keyof typeof LESSONS])
}

interface CommandLine {
  readonly name: string
  readonly argv: readonly string[]
  readonly globals: ParsedArguments
}

async function runCommand({ name, argv, globals: { flags } }: CommandLine): Promise<number> {
  const globals = readGlobals(flags)
  const { log } = globals
  try {
    checkGlobals(flags)
    if (name === 'help' || name === 'h') return await help(argv)
    const command = await load(name)
    const text = (): Promise<string> => commandHelpText(name, command)
    try {
      const call = parseArguments(argv, { ...command, flags: [...command.flags, HELP_FLAG] })
      if (call.flags.isOn('help')) return show(await text())
      checkCount(name, call.args.length, command.arguments)
      return await command.run({ ...call, globals, commands: COMMANDS })
    } catch (error) {
      return await misused(error, { help: text, tell: log.error })
    }
  } catch (error) {
    log.error(messageOf(error))
    return error instanceof Interrupted || error instanceof UnknownCommand ? error.status : FAILURE
  }
}

async function help([name]: readonly string[]): Promise<number> {
  return show(name === undefined ? await mainHelpText() : await commandHelpText(name, await load(name)))
}

function load(name: string): Promise<Command> {
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name as keyof typeof COMMANDS] : undefined
  if (known !== undefined) return known()
  throw new UnknownCommand(`No help topic for '${name}': no such command: ${name} (tsrun --help lists all)`)
}

async function misused(
  error: unknown,
  { help, tell }: { help: () => Promise<string>; tell: (message: string) => void },
): Promise<number> {
  if (!(error instanceof UsageError)) throw error
  print(`Incorrect Usage.\n\n${await help()}\n`)
  tell(error.message)
  return FAILURE
}

/** What is no error of ours is a bug, and its stack is of use. */
function messageOf(error: unknown): string {
  // We throw errors only; an engine that has no memory left for one throws something else.
  if (!(error instanceof Error)) return 'out of memory'
  const isBug = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
  return isBug ? (error.stack ?? error.message) : error.message
}
