/** The manual page, from the same table as the help. */
import type { Command, Commands, Flag } from '../command.js'
import { GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG } from '../globals.js'
import { isShown } from './help.js'
import type { Lesson } from './help-texts.js'

interface Page {
  readonly version: string
  readonly commands: Commands
  readonly lessons: Readonly<Record<string, Lesson>>
}

/** tsrun(8) in the man macros of troff. */
export async function manPage({ version, commands, lessons }: Page): Promise<string> {
  const names = Object.keys(commands)
  const sections = await Promise.all(
    names.map(async name => commandSection(name, await commands[name]?.(), lessons[name])),
  )
  return [
    `.\\" Made from the table of commands in lib/cli: change that and run "npm run generate".`,
    `.TH TSRUN 8 "" "tsrun ${version}" "System Administration"`,
    '.SH NAME',
    'tsrun \\- run containers from OCI bundles',
    '.SH SYNOPSIS',
    '.B tsrun',
    '[global options]',
    '.I command',
    '[command options] [arguments...]',
    '.SH DESCRIPTION',
    text(DESCRIPTION),
    '.SH GLOBAL OPTIONS',
    ...[...GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG].flatMap(flagLines),
    '.SH COMMANDS',
    ...sections.flat(),
    ...CLOSING,
    '',
  ].join('\n')
}

const DESCRIPTION = `tsrun creates, starts, kills and deletes containers from bundles: directories with a config.json of the Open Container
Initiative's runtime specification and a root file system. There is no daemon: what a command does goes through a state directory.
The commands, flags, output and exit statuses are those of runc(8), so that engines can use it in its place.`

function commandSection(name: string, command: Command | undefined, lesson: Lesson | undefined): readonly string[] {
  if (command === undefined || lesson === undefined) throw new Error(`${name} has no command or no lesson`)
  return [
    `.SS "tsrun ${text(`${name} ${command.usage}`.trimEnd())}"`,
    text(sentence(command.summary)),
    ...(command.description === undefined ? [] : [text(command.description)]),
    ...command.flags.filter(isShown).flatMap(flagLines),
    '.PP',
    text(lesson.next),
    ...lesson.examples.flatMap(exampleLines),
  ]
}

const sentence = (summary: string): string => `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`

function exampleLines([line, does]: readonly [string, string]): readonly string[] {
  return ['.TP', `.B ${text(`tsrun ${line}`)}`, does === '' ? '\\&' : text(does)]
}

function flagLines({ name, short, value, help }: Flag): readonly string[] {
  const names = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])].map(each => `\\fB${text(each)}\\fR`)
  const given = value === undefined ? '' : ` \\fI${text(value)}\\fR`
  return ['.TP', names.map(each => each + given).join(', '), text(help)]
}

/** Escaped: a dash is a minus sign (it can be copied), a quote does not end an argument, and no line begins as a request. */
const text = (plain: string): string =>
  plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replace(/^(?=[.'])/gm, '\\&')

const CLOSING = [
  '.SH EXIT STATUS',
  text('0 on success, 1 on failure. "run" ends with the status of the container and "exec" with that of the process,'),
  text('or with 128 + the number of the signal that ended it; "exec" with 255 where the process could not be run.'),
  '.SH ENVIRONMENT',
  ...entry('NOTIFY_SOCKET', 'The service manager at this socket hears when the container says that it is ready.'),
  ...entry('LISTEN_FDS, LISTEN_PID', 'The sockets of socket activation are passed on to the container.'),
  ...entry('XDG_RUNTIME_DIR', 'Has the state directory of a user without root.'),
  ...entry('DEBUG', 'Such as tsrun:*, tells on standard error what is done.'),
  '.SH FILES',
  ...entry('/run/tsrun', 'The state of containers, unless --root names another directory.'),
  ...entry('config.json', 'The configuration, in the bundle.'),
  '.SH SEE ALSO',
  '.BR runc (8),',
  '.BR crun (1),',
  '.BR namespaces (7),',
  '.BR cgroups (7)',
]

function entry(name: string, about: string): readonly string[] {
  return ['.TP', `.B ${text(name)}`, text(about)]
}
