/**
 * Runs a program of the host to its end, for hooks in the runtime namespace and for helpers that know credentials. It is kept by the
 * init helper (native/init/hook.c), which ends it and all that it has started when it is told to, and when this process ends in whatever way.
 */
import { SystemError } from '../errors.js'
import { closeFds } from './beneath.js'
import { errnoName, signalName } from './errno.js'
import { isDirectory, openNull, openPath } from './file.js'
import { encodeProgram, findProgram } from './host-program.js'
import { helperExecutable, sealedMemory } from './memory.js'
import { native } from './native.js'
import { type ExitStatus, reap } from './processes.js'
import { socketPair } from './socket.js'
import { type Spawned, spawn } from './spawn.js'
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
  /** What it writes to standard output is wanted. Default: it goes nowhere. */
  readonly keepsOutput?: boolean
  /** All that it has started is killed then, also what has gone to another session; null: never. */
  readonly timeoutMs: number | null
  /** The same happens when it is aborted. */
  readonly signal?: AbortSignal | undefined
  /** Gets the pid of the keeper, which ends the program when it gets SIGTERM. */
  readonly started?: ((pid: number) => void) | undefined
}

export interface ProgramResult extends ExitStatus {
  readonly timedOut: boolean
  /** What it wrote to standard output, the last 64 KiB; "" unless it was wanted. */
  readonly stdout: string
  /** What it wrote to standard error, the last 64 KiB. */
  readonly stderr: string
}

/** @throws {SystemError} if the program can't be started */
export async function run(input: RunInput): Promise<ProgramResult> {
  const { stdin, timeoutMs, signal, started } = input
  const { keeper, control, writer, output, errors } = startKeeper(input)
  started?.(keeper.pid)
  const stderr = collectTail(errors)
  const stdout = output === null ? null : collectTail(output)
  writableOf(writer).end(stdin)
  let timedOut = false
  const end = (): void => {
    native().ts_send(control, Uint8Array.of(1), 1)
  }
  const late = (): void => {
    timedOut = true
    end()
  }
  const timer = after(timeoutMs ?? Number.POSITIVE_INFINITY, late)
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted) end()
  try {
    const status = await ended(control, input.path)
    return { ...status, timedOut, stdout: (await stdout?.stop()) ?? '', stderr: await stderr.stop() }
  } catch (error) {
    await Promise.all([stdout?.stop(), stderr.stop()])
    throw error
  } finally {
    timer.stop()
    signal?.removeEventListener('abort', end)
    // Its end of file would have the keeper kill what a program that has ended left behind: it is gone by then.
    await watch(keeper.pidfd, READABLE).ready
    reap(keeper.pidfd)
    closeFds([keeper.pidfd, control])
  }
}

interface Kept {
  readonly keeper: Spawned
  readonly control: number
  /** Our ends of its standard input, output and error. */
  readonly writer: number
  readonly output: number | null
  readonly errors: number
}

function startKeeper({ path, args, env, cwd, keepsOutput = false }: RunInput): Kept {
  const [theirs, ours]: [number[], number[]] = [[], []]
  const pair = ([their, our]: readonly [number, number]): number => {
    theirs.push(their)
    ours.push(our)
    return our
  }
  try {
    const writer = pair(makePipe())
    const output = keepsOutput ? pair(turned(makePipe())) : null
    if (output === null) theirs.push(openNull())
    const errors = pair(turned(makePipe()))
    const [control, controlEnd] = socketPair()
    pair([controlEnd, control])
    theirs.push(sealedMemory('tsrun-hook', encodeProgram({ path: findProgram(path, env) ?? path, args, env })))
    theirs.push(openPath(isDirectory(cwd) ? cwd : '/', { directory: true }))
    const keeper = spawn({ executable: helperExecutable(), arguments: ['+'], fds: theirs })
    return { keeper, control, writer, output, errors }
  } catch (error) {
    closeFds(ours)
    throw error
  } finally {
    closeFds(theirs)
  }
}

/** A pipe that they write to. */
const turned = ([reader, writer]: [number, number]): [number, number] => [writer, reader]

const FRAME_BYTES = 9
const [EXITED, SIGNALLED, NOT_EXECUTED, NOT_FORKED] = [0, 1, 2, 3]

/** The first frame of the keeper: its length, what it is about, and a number. */
async function ended(control: number, path: string): Promise<ExitStatus> {
  await watch(control, READABLE).ready
  const frame = Buffer.alloc(FRAME_BYTES)
  const length = native().ts_receive(control, frame, FRAME_BYTES)
  if (length !== FRAME_BYTES) throw new SystemError({ syscall: 'execve', errno: 'ECHILD', path })
  const [kind, value] = [frame.readUInt8(4), frame.readInt32LE(5)]
  if (kind === EXITED) return { exitCode: value, signal: null }
  if (kind === SIGNALLED) return { exitCode: null, signal: signalName(value) }
  const syscall = kind === NOT_FORKED ? 'clone' : 'execve'
  throw new SystemError({ syscall, errno: errnoName(kind === NOT_EXECUTED || kind === NOT_FORKED ? value : 0), path })
}
