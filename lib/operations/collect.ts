/** A program that is run to its end: what it says is collected, and what ends it early is told. For containers and execs alike. */
import type { Streams } from '../launch/stdio.js'
import type { CollectSettings, Encoding, OutputOf } from './collect-options.js'
import { type Endable, type Ended, type Ending, watchEnding } from './early-end.js'
import { feed, gatherOutput } from './standard-streams.js'
import { outputDrained } from './waiting.js'

export interface Collected<E extends Encoding = 'utf8'> {
  /** The terminal's output if there is a terminal; empty if the stream is no pipe. */
  readonly stdout: OutputOf<E>
  readonly stderr: OutputOf<E>
  /** True if it was killed for `timeout`; false if it had ended by itself before it could be. */
  readonly timedOut: boolean
  /** True if there was more output than `outputLimit`: it ends there, and the program was killed. */
  readonly outputTruncated: boolean
}

/** The program that is run. */
export interface Subject<Result extends Ended> extends Endable<Result> {
  readonly streams: Streams
  /** Lets it begin; to cancel ends it. */
  begin(cancel: AbortSignal): Promise<void>
  /** Once it has ended: ends what must not outlive it. */
  clear(): Promise<void>
}

/**
 * What has been made is cleared away only if this resolves.
 * @throws what `begin` throws, unless it was ended early; the reason of the signal; what the input or `onOutput` throw
 */
export async function collect<Result extends Ended>(
  subject: Subject<Result>,
  settings: CollectSettings,
): Promise<Result & Collected<Encoding>> {
  const { streams } = subject
  const ending = watchEnding(subject, settings)
  const { outputLimit: limit, onOutput, encoding } = settings
  const { exceeded, fail } = ending
  const [out, err] = gatherOutput(streams, { limit, onOutput, exceeded, fail })
  try {
    const result = await Promise.race([lead(subject, settings, ending), ending.failure])
    await subject.clear()
    const outputs = [streams.terminal ?? streams.stdout, streams.stderr]
    await Promise.race([outputDrained(outputs, settings.drain), ending.failure])
    const [stdout, stderr] = [await out.text(encoding), await err.text(encoding)]
    settings.signal?.throwIfAborted()
    return { ...result, stdout, stderr, ...ending.reasons(result) }
  } catch (error) {
    settings.signal?.throwIfAborted()
    throw error
  } finally {
    ending.stop()
    for (const output of [out, err]) output.stop()
  }
}

async function lead<Result extends Ended>(
  subject: Subject<Result>,
  { input }: CollectSettings,
  ending: Ending,
): Promise<Result> {
  try {
    await subject.begin(ending.cancel)
    ending.begun()
  } catch (error) {
    // A program that has ended by itself leaves hooks to cancel.
    if (error !== ending.cancel.reason && !(await ending.hasReached())) throw error
  }
  const feeding = feed(subject.streams, input)
  try {
    return await Promise.race([subject.exited(), feeding.failed])
  } finally {
    feeding.stop()
  }
}
