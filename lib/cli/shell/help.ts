/** The help texts, laid out as the callers of other runtimes know them. */
import type { Command, Flag } from '../command.js'
import { GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG } from '../globals.js'
import { programName } from '../version.js'
import type { Lesson } from './help-texts.js'

export function commandHelp(name: string, command: Command, { examples, next }: Lesson): string {
  const { summary, usage, description, flags } = command
  const program = programName()
  return sections({
    NAME: `${program} ${name} - ${summary}`,
    USAGE: `${program} ${name} ${usage}`.trimEnd(),
    DESCRIPTION: description ?? '',
    EXAMPLES: columns(examples.map(([line, does]) => [`${program} ${line}`, does])),
    'WHAT HAPPENS NEXT': next,
    OPTIONS: flagLines([...flags, HELP_FLAG]),
  })
}

export function mainHelp(commands: readonly (readonly [name: string, summary: string])[]): string {
  return sections({
    NAME: `${programName()} - Open Container Initiative runtime`,
    USAGE: `${programName()} [global options] command [command options] [arguments...]`,
    DESCRIPTION: DESCRIPTION,
    COMMANDS: columns(commands),
    'GLOBAL OPTIONS': flagLines([...GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG]),
  })
}

const DESCRIPTION = `Runs containers from OCI bundles: directories with a config.json and a root file system.
A first try, without an image (as root, in an empty directory):

   tsrun spec --host-root -- /bin/sh -c 'echo hello from $(hostname)'
   tsrun run first

"tsrun COMMAND --help" shows examples, and what happens next.`

/** Sections without text are left out. */
function sections(texts: Readonly<Record<string, string>>): string {
  const filled = Object.entries(texts).filter(([, text]) => text !== '')
  return filled.map(([title, text]) => `${title}:\n${indent(text)}\n`).join('\n')
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, '   ')

/** Hidden ones are left out of the help. */
export const isShown = ({ isHidden }: Flag): boolean => isHidden !== true

const flagLines = (flags: readonly Flag[]): string =>
  columns(flags.filter(isShown).map(flag => [flagNames(flag), flag.help]))

function flagNames({ name, short, value }: Flag): string {
  const names = short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]
  return names.map(each => (value === undefined ? each : `${each} ${value}`)).join(', ')
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([first]) => first.length)) + 2
  return rows.map(([first, second]) => (first.padEnd(width) + second).trimEnd()).join('\n')
}
