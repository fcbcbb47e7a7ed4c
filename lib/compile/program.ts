import type { Config } from '../config/config.js'
import { ConfigError } from '../errors.js'
import { SECCOMP_FILTER_FLAG } from '../plan/flags.js'
import type { Draft, Work } from './draft.js'
import { applyFilter, flagsOfFilter } from './identity.js'
import { preservedCount } from './limits.js'
import { makesNamespace } from './namespaces.js'
import { restrict } from './restrict.js'

/** What a process runs. */
export interface Program {
  readonly args: readonly string[]
  readonly env: readonly string[]
}

/**
 * The end of the container's plan: its program is looked for at create, waits for start, and is executed.
 * Without a process there is nothing to execute: the plan ends where start, which is refused then, would wake it.
 */
export function execProcess(work: Work): void {
  const { config, options, draft } = work
  const { process } = config
  if (options.reaps) demandPidNamespace(config)
  if (process !== null) lookUp(draft, process)
  if (process !== null) draft.op('home_env', {}, '/process/env')
  restrict(work)
  const filter = lastFilter(config)
  // The listener of a filter must be there when create returns.
  const isEarly = filter !== null && (filter & SECCOMP_FILTER_FLAG.NEW_LISTENER) !== 0
  if (isEarly) applyFilter(draft, filter)
  if (options.hasLifeline) draft.op('lifeline', { slot: draft.slot({ kind: 'lifeline', origin: '' }) })
  draft.op('created', {})
  draft.op('await_start', { slot: draft.slot({ kind: 'start', origin: '' }) })
  if (process === null) return
  const program = { args: process.args, env: [...process.env, ...listenEnv(options.listenFds)] }
  runProgram(work, program, { origin: '/process/args', filter: isEarly ? null : filter, reaps: options.reaps })
}

/** Elsewhere the end of the first process would not be the end of all. */
function demandPidNamespace(config: Config): void {
  if (makesNamespace(config, 'pid')) return
  const expected = 'a list with a new pid namespace, for the options init and dieWithParent'
  const issue = {
    path: '/linux/namespaces',
    rule: 'tsrun#init',
    expected,
    received: 'none',
    message: `must be ${expected}`,
  }
  throw new ConfigError('ERR_CONFIG_INVALID', [issue])
}

/** The filter that comes last: with no_new_privs, which lets a process without privileges apply it. */
export function lastFilter(config: Config): number | null {
  return config.process?.noNewPrivileges ? flagsOfFilter(config) : null
}

/** The last steps of every plan with a program; the filter sees no more of us than execve. */
export function runProgram(
  work: Work,
  program: Program,
  { origin, filter, reaps = false }: { origin: string; filter: number | null; reaps?: boolean },
) {
  work.draft.op('close_from', { first: 3 + preservedCount(work) })
  if (filter !== null) applyFilter(work.draft, filter)
  if (reaps) work.draft.op('reap', { slot: work.draft.slot({ kind: 'status', origin: '' }) })
  work.draft.op('execve', { args: program.args, env: program.env }, origin)
}

/** Finds the program, so that a missing one is told before anything else is done. */
export function lookUp(draft: Draft, { args, env }: Program): void {
  draft.op('resolve_exec', { candidates: candidatesOf(args[0] ?? '', env) }, '/process/args/0')
}

/**
 * Where a program is looked for: a name with a slash is a path, any other is tried in each directory of PATH in the
 * process's environment, of which an empty one is the working directory. None, if there is no PATH to look in.
 */
export function candidatesOf(name: string, env: readonly string[]): string[] {
  if (name === '') return []
  if (name.includes('/')) return [name]
  const path = env.find(entry => entry.startsWith('PATH='))?.slice('PATH='.length) ?? ''
  if (path === '') return []
  return path.split(':').map(directory => `${directory === '' ? '.' : directory.replace(/\/+$/, '')}/${name}`)
}

/** The socket activation protocol of systemd; the process is number 1 in its pid namespace. */
function listenEnv(count: number): string[] {
  return count === 0 ? [] : [`LISTEN_FDS=${count}`, 'LISTEN_PID=1']
}
