/** The flags in front of the command. */
import { resolve } from 'node:path'
import type { Flag, Flags, Globals } from './command.js'
import { type LogFormat, openLog } from './log.js'

export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: 'root',
    value: 'DIR',
    completes: 'directory',
    help: 'where the state of containers is kept (default: /run/tsrun; without root $XDG_RUNTIME_DIR/tsrun)',
  },
  {
    name: 'log',
    value: 'FILE',
    completes: 'file',
    help: 'append errors and warnings to this file (default: standard error)',
  },
  { name: 'log-format', value: 'FORMAT', completes: ['text', 'json'], help: 'text (default) or json' },
  { name: 'debug', help: 'log every step too' },
  { name: 'systemd-cgroup', help: 'have systemd make the cgroups: cgroupsPath is slice:prefix:name' },
  {
    name: 'rootless',
    value: 'WHEN',
    completes: ['auto', 'true', 'false'],
    help: 'auto (default), true or false: what a user without root may not do is left out in any case',
  },
]

export const HELP_FLAG: Flag = { name: 'help', short: 'h', help: 'show this help' }
export const VERSION_FLAG: Flag = { name: 'version', short: 'v', help: 'show the version' }

const FORMATS: readonly LogFormat[] = ['text', 'json']

/** @throws for a log that can't be opened; what is wrong with the other flags is told later, and to the log */
export function readGlobals(flags: Flags): Globals {
  const given = flags.text('log-format') ?? 'text'
  const format = FORMATS.find(name => name === given)
  const isDebug = flags.isOn('debug')
  const log = openLog({ file: flags.text('log') || undefined, format: format ?? 'text', isDebug })
  const root = flags.text('root')
  const cgroupManager = flags.isOn('systemd-cgroup') ? 'systemd' : 'cgroupfs'
  return { root: root === undefined ? undefined : resolve(root), cgroupManager, log, isDebug }
}

/** @throws {Error} in words for the user */
export function checkGlobals(flags: Flags): void {
  const format = flags.text('log-format')
  if (format !== undefined && !(FORMATS as readonly string[]).includes(format))
    throw new Error(`invalid log-format: ${format}`)
  const rootless = flags.text('rootless') ?? 'auto'
  if (rootless === 'true' && process.geteuid?.() === 0) throw new Error('--rootless=true is not for root: leave it out')
  if (!['auto', 'true', 'false'].includes(rootless))
    throw new Error(`invalid value for --rootless: ${rootless} (auto, true or false)`)
  if (flags.text('root') === '') throw new Error('--root must not be empty')
}
