/** What a program that is run to its end gets as its standard input, and what it says. */
import { optionError } from '../config/option.js'
import type { Streams } from '../launch/stdio.js'
import type { Readable, Writable } from '../streams.js'
import { joinedInTurns, textInTurns } from '../sys/text-turns.js'
import type { Encoding, Input } from './collect-options.js'

export interface Feeding {
  /** Rejects if the input does; never resolves. */
  readonly failed: Promise<never>
  /** The program has ended: what is left of the input is nobody's. */
  stop(): void
}

/** @throws {ConfigError} for an input that nothing can be done with */
export function feed({ stdin, terminal }: Streams, input: Input | undefined): Feeding {
  const target = terminal ?? stdin
  if (target === null) {
    if (input === undefined) return { failed: new Promise(() => {}), stop: () => {} }
    throw optionError({ option: 'input', expected: 'left out if standard input is no pipe', received: input })
  }
  let isOver = false
  const failed = new Promise<never>((_, reject) => {
    pump({ target, input, isOver: () => isOver || target.destroyed })
      .then(() => stdin?.end())
      .catch((error: unknown) => (isOver ? undefined : reject(error)))
  })
  const stop = (): void => {
    isOver = true
    stdin?.destroy()
    if (typeof input === 'object' && 'destroy' in input && typeof input.destroy === 'function') input.destroy()
  }
  return { failed, stop }
}

interface Pump {
  readonly target: Writable
  readonly input: Input | undefined
  readonly isOver: () => boolean
}

async function pump({ target, input = '', isOver }: Pump): Promise<void> {
  for await (const chunk of typeof input === 'string' || input instanceof Uint8Array ? [input] : input) {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      throw optionError({ option: 'input', expected: 'an iterable of strings or bytes', received: chunk })
    }
    // To leave the loop ends the iterable.
    if (isOver()) return
    if (chunk.length > 0 && !target.write(chunk)) await hasRoom(target)
  }
}

function hasRoom(target: Writable): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      target.off('drain', done).off('close', done)
      resolve()
    }
    if (target.destroyed) resolve()
    else target.on('drain', done).on('close', done)
  })
}

interface Gathering {
  readonly limit: number
  readonly onOutput: ((chunk: Buffer, stream: 'stdout' | 'stderr') => void) | undefined
  /** Called once: there is more than the limit. */
  readonly exceeded: () => void
  /** The stream has failed, or `onOutput` has. */
  readonly fail: (error: unknown) => void
}

export interface Output {
  /** What has come by now. */
  text(encoding: Encoding): Promise<string | Buffer>
  /** Nothing more is read. */
  stop(): void
}

/** Standard output (or the terminal's) and standard error; empty for what is no pipe. */
export function gatherOutput({ stdout, stderr, terminal }: Streams, gathering: Gathering): readonly [Output, Output] {
  return [gather(terminal ?? stdout, 'stdout', gathering), gather(stderr, 'stderr', gathering)]
}

function gather(stream: Readable | null, name: 'stdout' | 'stderr', gathering: Gathering): Output {
  const { limit, onOutput, exceeded, fail } = gathering
  const chunks: Buffer[] = []
  let left = limit
  stream?.on('data', (chunk: Buffer) => {
    if (left < 0) return
    const kept = chunk.subarray(0, left)
    left -= chunk.length
    if (kept.length > 0) chunks.push(kept)
    try {
      if (kept.length > 0) onOutput?.(kept, name)
    } catch (error) {
      fail(error)
    }
    // What comes until the program has ended is read, and dropped: it is not to end by SIGPIPE.
    if (left < 0) exceeded()
  })
  stream?.on('error', fail)
  return {
    text: encoding => (encoding === 'buffer' ? joinedInTurns : textInTurns)([...chunks]),
    stop: () => stream?.destroy(),
  }
}
