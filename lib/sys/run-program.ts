/** Runs a program of the host to its end, for hooks in the runtime namespace. */
import { closeFd, closeFds } from './beneath.js'
import { isExecutable, openNull } from './file.js'
import { runJob } from './job.js'
import { type ExitStatus, killGroup, reap } from './processes.js'
import { collectTail, makePipe, writableOf } from './stream.js'
import { after } from './timer.js'
import { READABLE, watch } from './watch.js'

export interface RunInput {
  /** Looked for in the PATH of `env` if it has no slash. */
  readonly path: string
  /** argv with argv[0]. */
  readonly args: readonly string[]
  /** `NAME=value`; nothing is inherited. */
  readonly env: readonly string[]
  /** "/" if it is not there (any more). */
  readonly cwd: string
  readonly stdin: string
  /** The whole process group is killed then. */
  readonly timeoutMs: number | null
  /** The same happens when it is aborted. */
  readonly signal?: AbortSignal | undefined
}

export interface RunResult extends ExitStatus {
  readonly timedOut: boolean
  /** What it wrote to standard error, the last 64 KiB. */
  readonly stderr: string
}

/** @throws {SystemError} if the program can't be started */
export async function run(input: RunInput): Promise<RunResult> {
  const { pid, pidfd, stdin, stderr } = await start(input)
  const tail = collectTail(stderr)
  const writer = writableOf(stdin)
  writer.end(input.stdin)
  const kill = killLater(pid, input)
  const status = await exitOf(pidfd).finally(kill.stop)
  // A grandchild may hold the pipes open for ever.
  writer.destroy()
  return { ...status, timedOut: kill.timedOut(), stderr: await tail.stop() }
}

interface Started {
  readonly pid: number
  readonly pidfd: number
  /** Our ends. */
  readonly stdin: number
  readonly stderr: number
}

async function start({ path, args, env, cwd, signal }: RunInput): Promise<Started> {
  const [input, stdin] = makePipe()
  const [stderr, errors] = makePipe()
  const nothing = openNull()
  const words = args.length > 0 ? args : [path]
  const data = Buffer.from([...words, ...env, cwd].map(text => `${text}\0`).join(''))
  const stdio = [input, nothing, errors] as const
  try {
    const what = { path: find(path, env), first: words.length, second: env.length, data, stdio, signal }
    const { result: pid, fd: pidfd } = await runJob({ kind: 'start', ...what }, 'execve')
    return { pid, pidfd, stdin, stderr }
  } catch (error) {
    closeFds([stdin, stderr])
    throw error
  } finally {
    closeFds(stdio)
  }
}

/** What is found nowhere is left as it is: then it is missing. */
function find(path: string, env: readonly string[]): string {
  if (path.includes('/')) return path
  const [, directories = ''] = env.find(entry => entry.startsWith('PATH='))?.split('=') ?? []
  const candidates = directories.split(':').map(directory => `${directory || '.'}/${path}`)
  return candidates.find(isExecutable) ?? path
}

/** The child is reaped by us alone and not before it has ended, so that its number is still its own, and its group's. */
function killLater(pid: number, { timeoutMs, signal }: RunInput): { stop(): void; timedOut(): boolean } {
  let timedOut = false
  const abort = (): void => killGroup(pid)
  const late = (): void => {
    timedOut = true
    abort()
  }
  const timer = after(timeoutMs ?? Number.POSITIVE_INFINITY, late)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const stop = (): void => {
    timer.stop()
    signal?.removeEventListener('abort', abort)
  }
  return { stop, timedOut: () => timedOut }
}

async function exitOf(pidfd: number): Promise<ExitStatus> {
  try {
    await watch(pidfd, READABLE).ready
    const status = reap(pidfd)
    // Only a program that takes the children of others has been there before us.
    return typeof status === 'string' ? { exitCode: null, signal: null } : status
  } finally {
    closeFd(pidfd)
  }
}
