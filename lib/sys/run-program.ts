/** Runs a program of the host to its end, for hooks in the runtime namespace. */
import type { ChildProcess } from 'node:child_process'
import { SystemError } from '../errors.js'
import { builtin } from './builtin.js'
import { isDirectory } from './file.js'
import type { ExitStatus } from './processes.js'

export interface RunInput {
  readonly path: string
  /** argv with argv[0]. */
  readonly args: readonly string[]
  /** `NAME=value`; nothing is inherited. */
  readonly env: readonly string[]
  /** "/" where it is not there (any more). */
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

const KEPT_BYTES = 64 * 1024

/** @throws {SystemError} where the program can't be started */
export async function run({ path, args, env, cwd, stdin, timeoutMs, signal }: RunInput): Promise<RunResult> {
  const { spawn } = builtin('node:child_process') as typeof import('node:child_process')
  const child = spawn(path, args.slice(1), {
    argv0: args[0] ?? path,
    env: parseEnvironment(env),
    cwd: isDirectory(cwd) ? cwd : '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const stderr = keepTail(child)
  // A hook that does not read its standard input is none of our business.
  child.stdin?.on('error', () => {})
  child.stdin?.end(stdin)
  const timer = timeoutMs === null ? null : killLater(child, timeoutMs)
  const abort = (): void => killGroup(child)
  signal?.addEventListener('abort', abort, { once: true })
  const status = await exitOf(child, path).finally(() => {
    clearTimeout(timer?.handle)
    signal?.removeEventListener('abort', abort)
  })
  // A grandchild may hold the pipe open for ever.
  child.stderr?.destroy()
  return { ...status, timedOut: timer?.fired() ?? false, stderr: stderr() }
}

/** As environ(7): the first entry of a name counts for getenv, but a JavaScript object keeps one anyway. */
function parseEnvironment(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map(entry => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

function keepTail(child: ChildProcess): () => string {
  let kept = Buffer.alloc(0) as Buffer
  child.stderr?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-KEPT_BYTES)
  })
  return () => kept.toString('utf8')
}

function killLater(child: ChildProcess, timeoutMs: number): { handle: NodeJS.Timeout; fired(): boolean } {
  let fired = false
  const handle = setTimeout(() => {
    fired = true
    killGroup(child)
  }, timeoutMs)
  return { handle, fired: () => fired }
}

/** The child is not reaped before its exit event, so its number is still its own (and its group's). */
function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
}

function exitOf(child: ChildProcess, path: string): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new SystemError({ syscall: 'execve', errno: cause.code ?? 'EIO', path }, { cause })),
    )
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}
