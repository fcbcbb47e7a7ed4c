/** What `run` takes, of a container and of a process in one. */
import { optionError, readByteCount, readDuration } from '../config/option.js'
import { parseSignal } from './kill.js'
import { readDrain } from './waiting.js'

/** `utf8`: output is text; `buffer`: bytes. */
export type Encoding = 'utf8' | 'buffer'

/** Written as it comes, and not faster than the program reads. */
export type Input = string | Uint8Array | AsyncIterable<string | Uint8Array>

export interface CollectOptions<E extends Encoding = 'utf8'> {
  /**
   * Written to standard input, which is then closed; to the terminal if there is one. Default: closed at once. A stream of Node is
   * such an iterable; it is destroyed if the program ends before it.
   */
  readonly input?: Input
  /** Milliseconds after which the program is ended, with all that it has started. Default Infinity: never. */
  readonly timeout?: number
  /**
   * What `timeout`, `outputLimit` and `signal` end the program with: it gets `killSignal`, and so many milliseconds later, if it is still
   * there, SIGKILL. Default 0: SIGKILL at once.
   */
  readonly grace?: number
  /** Of meaning with `grace` only. Default SIGTERM. */
  readonly killSignal?: string | number
  /** The program is ended when standard output or error gets longer than so many bytes, or a size such as `16M`. Default 16 MiB. */
  readonly outputLimit?: number | string
  /** Whether `stdout` and `stderr` of the result are text or bytes. Default `utf8`. */
  readonly encoding?: E
  /** Gets the output as it comes, while it is collected too. What it throws ends the program, and is thrown. */
  readonly onOutput?: (chunk: Buffer, stream: 'stdout' | 'stderr') => void
  /** Milliseconds that processes which hold a pipe of the program are waited for when that has ended. Default 1000. */
  readonly drain?: number
  /** Cancels: the program is ended, and the signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** The same, checked and complete. */
export interface CollectSettings {
  readonly input: Input | undefined
  readonly timeout: number
  readonly grace: number
  readonly killSignal: number
  readonly outputLimit: number
  readonly encoding: Encoding
  readonly onOutput: ((chunk: Buffer, stream: 'stdout' | 'stderr') => void) | undefined
  readonly drain: number
  readonly signal: AbortSignal | undefined
}

/** `options` without those of `run` alone. */
export function withoutCollecting<O extends CollectOptions<Encoding>>(options: O): Omit<O, keyof CollectSettings> {
  const { input, timeout, grace, killSignal, outputLimit, encoding, onOutput, drain, signal, ...rest } = options
  return rest
}

const DEFAULT_OUTPUT_LIMIT = 16 * 1024 * 1024

/** @throws {ConfigError} naming the option */
export function readCollectOptions(options: CollectOptions<Encoding>): CollectSettings {
  const { input, onOutput, encoding = 'utf8', signal } = options
  if (!isInput(input)) {
    throw optionError({ option: 'input', expected: 'a string, bytes or an async iterable of these', received: input })
  }
  if (encoding !== 'utf8' && encoding !== 'buffer') {
    throw optionError({ option: 'encoding', expected: '"utf8" or "buffer"', received: encoding })
  }
  if (onOutput !== undefined && typeof onOutput !== 'function') {
    throw optionError({ option: 'onOutput', expected: 'a function', received: onOutput })
  }
  return {
    ...{ input, onOutput, encoding, signal },
    timeout: readDuration({ option: 'timeout', value: options.timeout, otherwise: Number.POSITIVE_INFINITY }),
    grace: readDuration({ option: 'grace', value: options.grace, otherwise: 0, zero: true }),
    killSignal: parseSignal(options.killSignal ?? 'SIGTERM'),
    outputLimit: readByteCount({ option: 'outputLimit', value: options.outputLimit, otherwise: DEFAULT_OUTPUT_LIMIT }),
    drain: readDrain(options.drain),
  }
}

function isInput(input: unknown): input is Input | undefined {
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) return true
  return typeof input === 'object' && input !== null && Symbol.asyncIterator in input
}

/** Text or bytes. */
export type OutputOf<E extends Encoding> = E extends 'buffer' ? Buffer : string

export const signalOf = ({ signal }: CollectSettings): { signal?: AbortSignal } =>
  signal === undefined ? {} : { signal }
