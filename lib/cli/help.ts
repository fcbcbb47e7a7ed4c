/** The help texts, laid out as the callers of other runtimes know them. */
import type { Command, Flag } from './command.js'
import { GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG } from './globals.js'

export function commandHelp(name: string, { summary, usage, description, flags }: Command): string {
  return sections({
    NAME: `tsrun ${name} - ${summary}`,
    USAGE: `tsrun ${name} ${usage}`.trimEnd(),
    DESCRIPTION: description ?? '',
    OPTIONS: flagLines([...flags, HELP_FLAG]),
  })
}

export function mainHelp(commands: readonly (readonly [name: string, summary: string])[]): string {
  return sections({
    NAME: 'tsrun - Open Container Initiative runtime',
    USAGE: 'tsrun [global options] command [command options] [arguments...]',
    DESCRIPTION: DESCRIPTION,
    COMMANDS: columns(commands),
    'GLOBAL OPTIONS': flagLines([...GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG]),
  })
}

const DESCRIPTION = `Runs containers from OCI bundles: directories with a config.json and a root file system.
A first try, without an image (as root, in an empty directory):

   tsrun spec --host-root -- /bin/sh -c 'echo hello from $(hostname)'
   tsrun run first`

/** Sections without text are left out. */
function sections(texts: Readonly<Record<string, string>>): string {
  const filled = Object.entries(texts).filter(([, text]) => text !== '')
  return filled.map(([title, text]) => `${title}:\n${indent(text)}\n`).join('\n')
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, '   ')

const flagLines = (flags: readonly Flag[]): string =>
  columns(flags.filter(({ isHidden }) => isHidden !== true).map(flag => [flagNames(flag), flag.help]))

function flagNames({ name, short, value }: Flag): string {
  const names = short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]
  return names.map(each => (value === undefined ? each : `${each} ${value}`)).join(', ')
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([first]) => first.length)) + 2
  return rows.map(([first, second]) => first.padEnd(width) + second).join('\n')
}
