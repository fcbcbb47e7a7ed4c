/** The flags of `tsrun sandbox`, and the options of a sandbox that they stand for. */
import type { IsolationLevel, SandboxMount, SandboxOptions } from '../sandbox/index.js'
import type { Flag, Flags } from './command.js'
import { UsageError } from './command-line.js'
import { STORE_FLAGS, storeOptions } from './image-flags.js'

const LEVELS: readonly IsolationLevel[] = ['full', 'no-procfs', 'landlock']

export const SANDBOX_FLAGS: readonly Flag[] = [
  {
    name: 'image',
    value: 'NAME',
    help: "its root is this image, which is pulled if need be (default: this machine's programs)",
  },
  {
    name: 'mount',
    value: 'SOURCE:TARGET[:MODE]',
    isList: true,
    help: 'mount a path of the host: ro (default), rw, or overlay, which keeps the source as it is (repeatable)',
  },
  {
    name: 'allow',
    value: 'HOST:PORT',
    isList: true,
    help: 'let it connect there; else it has no network (repeatable)',
  },
  { name: 'memory', value: 'SIZE', help: 'of all of it, such as 512M; needs a cgroup' },
  { name: 'cpus', value: 'NUMBER', help: 'how many processors, such as 0.5; needs a cgroup' },
  { name: 'pids', value: 'NUMBER', kind: 'count', help: 'how many processes and threads (default: 256)' },
  { name: 'timeout', value: 'TIME', help: 'end it after so long, such as 500ms, 10s, 5m or 1h' },
  { name: 'env', short: 'e', value: 'NAME=VALUE', isList: true, help: 'a variable of the command (repeatable)' },
  { name: 'cwd', value: 'DIR', completes: 'directory', help: 'where the command begins, in the sandbox' },
  {
    name: 'minimum',
    value: 'LEVEL',
    completes: LEVELS,
    help: 'how far apart it has to be: full, no-procfs (default), or landlock, where there are no user namespaces',
  },
  { name: 'quiet', short: 'q', help: 'do not say what has changed' },
  ...STORE_FLAGS,
]

/** @throws {UsageError} for a value that is not written as the help says */
export async function sandboxOptions(flags: Flags): Promise<SandboxOptions> {
  const [image, cwd, memory, cpus, pids] = ['image', 'cwd', 'memory', 'cpus', 'pids'].map(name => flags.text(name))
  const allow = flags.list('allow')
  const minimum = flags.text('minimum')
  return {
    ...(image === undefined ? withoutStore(flags) : { image, images: await storeOf(flags) }),
    ...(cwd !== undefined && { cwd }),
    ...(allow.length > 0 && { network: { allow } }),
    ...(minimum !== undefined && { minimum: levelOf(minimum) }),
    mounts: flags.list('mount').map(mountOf),
    envs: Object.fromEntries(flags.list('env').map(variableOf)),
    limits: {
      ...(memory !== undefined && { memory }),
      ...(cpus !== undefined && { cpus: numberOf(cpus) }),
      ...(pids !== undefined && { pids: Number(pids) }),
    },
  }
}

async function storeOf(flags: Flags) {
  const { openImages } = await import('./image-library.js')
  return openImages(storeOptions(flags))
}

function withoutStore(flags: Flags): object {
  const given = STORE_FLAGS.find(({ name, isList }) =>
    isList === true ? flags.list(name).length > 0 : flags.text(name) !== undefined,
  )
  if (given !== undefined) throw new UsageError(`--${given.name} needs --image`)
  return {}
}

function mountOf(text: string): SandboxMount {
  const [, source, target, mode] = /^(.+?):(\/[^:]*)(?::(ro|rw|overlay))?$/s.exec(text) ?? []
  if (source === undefined || target === undefined)
    throw new UsageError(`--mount ${text}: write SOURCE:TARGET[:MODE], TARGET absolute and MODE ro, rw or overlay`)
  return { source, target, ...(mode !== undefined && { mode: mode as NonNullable<SandboxMount['mode']> }) }
}

function variableOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--env ${text}: write NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function levelOf(text: string): IsolationLevel {
  const level = LEVELS.find(name => name === text)
  if (level !== undefined) return level
  throw new UsageError(`--minimum ${text}: write ${LEVELS.join(', ')}`)
}

function numberOf(text: string): number {
  if (/^[0-9]*\.?[0-9]+$/.test(text) && Number(text) > 0) return Number(text)
  throw new UsageError(`--cpus ${text}: write a number above 0, such as 0.5`)
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds; Infinity if there is none. @throws {UsageError} */
export function timeoutOf(flags: Flags): number {
  const text = flags.text('timeout')
  if (text === undefined) return Number.POSITIVE_INFINITY
  const [, amount, unit = 's'] = /^([0-9]*\.?[0-9]+)(ms|s|m|h)?$/.exec(text) ?? []
  const milliseconds = Number(amount) * (UNITS[unit] ?? Number.NaN)
  if (milliseconds > 0) return milliseconds
  throw new UsageError(`--timeout ${text}: write a time above 0, such as 500ms, 10s, 5m or 1h`)
}
