/** What `--debug` says of a launch: in runc's words if runc has the same step, since suites of tests and people look for them. */
import type { Config, Process } from '../config/config.js'
import { filterFlags } from '../config/seccomp.js'
import { cpuMask } from '../sys/priorities.js'
import type { Context } from './context.js'

interface Logged {
  readonly context: Context
  readonly id: string
  readonly pid: number
  readonly config: Config
}

/** A container's first process is there, and waits for `start`. */
export function logInit({ context, id, pid, config }: Logged): void {
  const say = (message: string): void => context.debug('', message)
  say('nsexec container setup: nsexec started')
  say('runc exeseal: using /proc/self/exe clone (the helper is a sealed memory file)')
  logFilter(context, config)
  say(`child process in init(): pid ${pid}`)
  context.debug(id, `created, pid ${pid}`)
}

/** A process that exec adds has begun. */
export function logExec({ context, id, pid, config, process }: Logged & { readonly process: Process }): void {
  const say = (message: string): void => context.debug('', message)
  const { initial } = process.execAffinity
  say('nsexec container setup: joins the container')
  if (initial !== null) say(`nsexec: affinity: 0x${maskText(initial)}`)
  logFilter(context, config)
  say(`child process in init(): pid ${pid}`)
  say(`setns_init: about to exec ${process.args[0]}`)
  context.debug(id, `exec of ${process.args[0]}, pid ${pid}`)
}

function logFilter(context: Context, { linux: { seccomp } }: Config): void {
  if (seccomp !== null) context.debug('', `seccomp filter flags: ${filterFlags(seccomp)}`)
}

/** Hexadecimal, bit n for CPU n. */
const maskText = (cpus: readonly number[]): string =>
  cpuMask(cpus)
    .reverse()
    .toString('hex')
    .replace(/^0+(?=.)/, '')
