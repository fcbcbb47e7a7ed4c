import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type CommandExecOptions, endAtOnce } from '../../for-command.js'
import { type ExecOptions, type ExecProcess, isTsrunError } from '../../index.js'
import type { Call, Command, Flags } from '../command.js'
import { UsageError } from '../command-line.js'
import { naming, runtimeOf } from '../open-runtime.js'
import { isShim } from '../shim.js'
import { catchEnding, catchForwarded, exitStatusOf, Interrupted } from '../signals.js'
import { checkTerminal, goesElsewhere, writePidFile } from './bundle-flags.js'
import { preservedFds } from './preserved-fds.js'

/** What callers tell a failure of exec itself by: any other status is that of the program. */
const FAILURE = 255

export const command: Command = {
  summary: 'run another process in a container',
  usage: '[command options] ID COMMAND [ARGUMENT...] | --process FILE ID',
  description: `The exit status is that of the process, or 128 + the number of the signal that ended it; ${FAILURE} where it could not be run.`,
  flags: [
    {
      name: 'console-socket',
      value: 'PATH',
      completes: 'file',
      help: 'an AF_UNIX socket that gets the master of the terminal',
    },
    {
      name: 'pidfd-socket',
      value: 'PATH',
      completes: 'file',
      help: 'an AF_UNIX socket that gets a pidfd of the process',
    },
    { name: 'cwd', value: 'DIR', help: 'the working directory in the container' },
    { name: 'env', short: 'e', value: 'NAME=VALUE', isList: true, help: 'set an environment variable (repeatable)' },
    { name: 'tty', short: 't', help: 'give it a terminal' },
    { name: 'user', short: 'u', value: 'UID[:GID]', help: 'the user and group, by number' },
    { name: 'additional-gids', short: 'g', value: 'GID', isList: true, help: 'one more group (repeatable)' },
    { name: 'process', short: 'p', value: 'FILE', completes: 'file', help: 'take the whole process from a JSON file' },
    { name: 'detach', short: 'd', help: 'do not wait for the process' },
    { name: 'pid-file', value: 'FILE', completes: 'file', help: "write the process's pid to this file" },
    { name: 'process-label', value: 'LABEL', help: 'the SELinux label' },
    { name: 'apparmor', value: 'PROFILE', help: 'the AppArmor profile' },
    { name: 'no-new-privs', help: 'it and what it runs gain no privileges by execve' },
    { name: 'cap', short: 'c', value: 'CAPABILITY', isList: true, help: 'one more capability (repeatable)' },
    { name: 'preserve-fds', value: 'N', kind: 'count', help: 'pass N descriptors, from 3 on' },
    { name: 'cgroup', value: '[CONTROLLERS:]PATH', isList: true, help: "an existing cgroup below the container's" },
    { name: 'ignore-paused', help: 'also in a paused container; it begins when that is resumed' },
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  completes: ['container'],
  stopsAtArgument: true,
  run: exec,
}

async function exec(call: Call): Promise<number> {
  try {
    return await run(call)
  } catch (error) {
    if (error instanceof UsageError || error instanceof Interrupted || !(error instanceof Error)) throw error
    const isMissing = isTsrunError(error) && error.code === 'ERR_STATE_NOT_FOUND'
    call.globals.log.error(`exec failed: ${isMissing ? `container does not exist: ${error.message}` : error.message}`)
    return FAILURE
  }
}

async function run({ flags, args: [id = '', ...args], globals }: Call): Promise<number> {
  const isDetached = flags.isOn('detach')
  const options = optionsOf(flags, args)
  const signals = isDetached ? catchEnding() : catchForwarded()
  try {
    const container = await runtimeOf(globals).get(id)
    const process = await naming(flags.text('process'), () =>
      container.exec({ ...options, signal: signals.cancel }).catch(rethrowPaused),
    )
    signals.forwardTo(process, globals.log)
    const status = await stay(process, flags)
    if (options.outlivesCaller) endAtOnce()
    return status
  } finally {
    signals.release()
  }
}

/** The way around it is a flag here, told in the words that users of runc know. */
function rethrowPaused(cause: unknown): never {
  if (!isTsrunError(cause) || cause.code !== 'ERR_STATE_STATUS' || cause.status !== 'paused') throw cause
  throw new Error('cannot exec in a paused container (use --ignore-paused to override)', { cause })
}

async function stay(process: ExecProcess, flags: Flags): Promise<number> {
  const { terminal } = process
  const attachment = terminal === null ? null : (await import('../terminal.js')).attach(terminal)
  try {
    await writePidFile(flags.text('pid-file'), process, () => process.kill())
    return flags.isOn('detach') ? 0 : exitStatusOf(await process.exited)
  } finally {
    await attachment?.detach()
  }
}

/** @throws {Error} for flags that ask for what can't be */
function optionsOf(flags: Flags, args: readonly string[]): CommandExecOptions {
  const consoleSocket = flags.text('console-socket') || undefined
  const pidfdSocket = flags.text('pidfd-socket') || undefined
  const asked = processOf(flags, args)
  const terminal = {
    hasTerminal: asked.terminal ?? false,
    isDetached: flags.isOn('detach'),
    hasSocket: consoleSocket !== undefined,
  }
  checkTerminal(terminal)
  return {
    ...asked,
    stdio: 'inherit',
    lineFeedsOnly: goesElsewhere(terminal),
    ...(consoleSocket !== undefined && { consoleSocket: resolve(consoleSocket) }),
    ...(pidfdSocket !== undefined && { pidfdSocket: resolve(pidfdSocket) }),
    // Those of socket activation are the first process's.
    extraFds: preservedFds(flags.count('preserve-fds')),
    ...cgroupOf(flags.list('cgroup')),
    ignorePaused: flags.isOn('ignore-paused'),
    // The caller of the command may end, and the process goes on: as with other runtimes.
    detached: true,
    outlivesCaller: flags.isOn('detach') && isShim(process.ppid),
  }
}

function processOf(flags: Flags, args: readonly string[]): ExecOptions {
  const file = flags.text('process')
  if (file) {
    const process = readFileSync(file, 'utf8')
    return { process, terminal: asksForTerminal(process) }
  }
  if (args.length === 0) throw new Error('process args cannot be empty')
  const [cwd, label, profile] = ['cwd', 'process-label', 'apparmor'].map(name => flags.text(name) || undefined)
  return {
    args,
    env: flags.list('env'),
    ...(cwd !== undefined && { cwd }),
    user: userOf(flags),
    terminal: flags.isOn('tty'),
    capabilities: flags.list('cap'),
    ...(flags.isOn('no-new-privs') && { noNewPrivileges: true }),
    ...(label !== undefined && { selinuxLabel: label }),
    ...(profile !== undefined && { apparmorProfile: profile }),
  }
}

/** What can't be read is told by `exec`, with all that is wrong. */
function asksForTerminal(process: string): boolean {
  try {
    return (JSON.parse(process) as { terminal?: boolean } | null)?.terminal === true
  } catch {
    return false
  }
}

/** Names, signs, leading zeros and other bases are refused: what is guessed at could be another user (CVE-2026-30892). */
function userOf(flags: Flags): NonNullable<ExecOptions['user']> {
  const given = flags.text('user') || undefined
  const [, uid, gid] = /^(0|[1-9][0-9]{0,9})(?::(0|[1-9][0-9]{0,9}))?$/.exec(given ?? '') ?? []
  if (given !== undefined && uid === undefined) {
    throw new Error(`invalid user ${JSON.stringify(given)}: expected UID[:GID], in decimal numbers`)
  }
  const wrong = flags.list('additional-gids').find(text => !/^(0|[1-9][0-9]{0,9})$/.test(text))
  if (wrong !== undefined) throw new Error(`invalid group ${JSON.stringify(wrong)}: expected a decimal number`)
  return {
    ...(uid !== undefined && { uid: Number(uid) }),
    ...(gid !== undefined && { gid: Number(gid) }),
    additionalGids: flags.list('additional-gids').map(Number),
  }
}

function cgroupOf(given: readonly string[]): Pick<ExecOptions, 'cgroup'> {
  const [first] = given
  if (first === undefined) return {}
  if (given.length === 1 && !first.includes(':')) return { cgroup: first }
  const paths = given.flatMap(text => {
    const colon = text.indexOf(':')
    if (colon < 0)
      throw new Error(`invalid --cgroup value ${JSON.stringify(text)}: one without controllers stands alone`)
    const controllers = text.slice(0, colon).split(',')
    return controllers.map(name => [name, text.slice(colon + 1)] as const)
  })
  return { cgroup: Object.fromEntries(paths) }
}
