/** The process that writes or reads a layer (native/layer): started, and ended whatever happens. */
import type { Readable, Writable } from 'node:stream'
import { LayerError } from '../errors.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { layerExecutable } from '../sys/memory.js'
import { type ExitStatus, reap, signalPidfd } from '../sys/processes.js'
import { type Spawned, spawn } from '../sys/spawn.js'
import { makePipe, readableOf, writableOf } from '../sys/stream.js'
import { READABLE, watch } from '../sys/watch.js'
import { type ByteSource, byteSource } from './byte-source.js'
import { giveTarget, mapOwners, type OwnerMappings } from './layer-owners.js'
import { errorOf, readAnswer } from './verdict.js'

/** Which attributes overlay looks at: those of root, or those of a user namespace. */
export type OverlayKind = 'trusted' | 'user'

export interface ProcessOptions {
  /** A descriptor of the directory, which stays the caller's. */
  readonly target: number
  readonly overlay: OverlayKind
  /** Whether files get the owners of the layer. */
  readonly owners: boolean
  /** Whether devices may be made. */
  readonly devices: boolean
  /** Whether it reads, and writes nothing. */
  readonly reads: boolean
  /** Those of a user namespace that it works in; null: it stays in ours. */
  readonly mappings: OwnerMappings | null
}

export interface LayerProcess {
  readonly orders: Writable
  readonly answers: ByteSource
  /** It has ended without an answer. */
  died(): Promise<LayerError>
  /** Ends it if it still runs, and waits for its end. May be called more than once. */
  stop(): Promise<void>
}

const VERSION = '1'
const FLAGS = { newUser: 1, trusted: 2, owners: 4, devices: 8, reads: 16 } as const
const SIGKILL = 9

/** @throws {SystemError} if it can't be started; @throws {HostError} ERR_HOST_INSTALL, ERR_HOST_PRIVILEGE if ids can't be mapped */
export async function startLayerProcess(options: ProcessOptions): Promise<LayerProcess> {
  if (options.mappings !== null && !options.reads) giveTarget(options.target, options.mappings)
  const { spawned, orders: ordersFd, answers: answersFd } = spawnProcess(options)
  const end = endOf(spawned)
  const orders = writableOf(ordersFd)
  const output = readableOf(answersFd)
  const started: LayerProcess = {
    orders,
    answers: byteSource(chunksOf(output)),
    died: async () => diedWith(await end.exited),
    stop: async () => {
      orders.destroy()
      output.destroy()
      end.kill()
      await end.exited
    },
  }
  if (options.mappings === null) return started
  try {
    await enterMapped(started, spawned.pid, options.mappings)
    return started
  } catch (error) {
    await started.stop()
    throw error
  }
}

async function enterMapped(
  { answers, orders, died }: LayerProcess,
  pid: number,
  mappings: OwnerMappings,
): Promise<void> {
  const answer = await readAnswer(answers)
  if (answer === null) throw await died()
  if (answer.kind !== 'mapped') throw errorOf(answer)
  await mapOwners(pid, mappings)
  orders.write(Uint8Array.of(0))
}

async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield chunk as Buffer
}

interface Pipes {
  readonly spawned: Spawned
  /** Our ends. */
  readonly orders: number
  readonly answers: number
}

function flagsOf({ overlay, owners, devices, reads, mappings }: ProcessOptions): number {
  const chosen = { newUser: mappings !== null, trusted: overlay === 'trusted', owners, devices, reads }
  return Object.entries(FLAGS).reduce((sum, [name, flag]) => (chosen[name as keyof typeof FLAGS] ? sum | flag : sum), 0)
}

function spawnProcess(options: ProcessOptions): Pipes {
  const [ours, theirs]: [number[], number[]] = [[], []]
  try {
    const [read, orders] = makePipe()
    theirs.push(read)
    ours.push(orders)
    const [answers, write] = makePipe()
    theirs.push(write)
    ours.push(answers)
    const executable = layerExecutable()
    theirs.push(executable)
    const fds = [read, options.target, write]
    const spawned = spawn({ executable, arguments: [VERSION, String(flagsOf(options))], fds })
    return { spawned, orders, answers }
  } catch (error) {
    closeFds(ours)
    throw error
  } finally {
    closeFds(theirs)
  }
}

interface End {
  readonly exited: Promise<ExitStatus | null>
  kill(): void
}

function endOf({ pidfd }: Spawned): End {
  let isOpen = true
  const exited = (async () => {
    await watch(pidfd, READABLE).ready
    const status = reap(pidfd)
    isOpen = false
    closeFd(pidfd)
    // Somebody else has reaped it: nothing is known.
    return typeof status === 'string' ? null : status
  })()
  exited.catch(() => {})
  const kill = (): void => {
    if (isOpen) signalPidfd(pidfd, SIGKILL)
  }
  return { exited, kill }
}

function diedWith(status: ExitStatus | null): LayerError {
  const how = status?.signal ?? (status === null ? 'an unknown status' : `status ${status.exitCode}`)
  return new LayerError(
    'ERR_LAYER_DIED',
    `tsrun-layer, which writes and reads layers, ended with ${how} before it was done`,
  )
}
