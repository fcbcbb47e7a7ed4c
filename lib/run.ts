/** run: from a bundle to a result in one call. */
import type { Container, ExitResult } from './container.js'
import type { CreateOptions } from './operations/create.js'
import type { Readable } from './streams.js'

export type RunOptions = Omit<CreateOptions, 'id'> & {
  /** Default: a fresh one. */
  readonly id?: string
  /** Written to the container's standard input, which is then closed. Default: closed at once. */
  readonly input?: string | Uint8Array
  /** The whole container is killed after so many milliseconds. Default: never. */
  readonly timeout?: number
  /** The container is killed when standard output or error gets longer than so many bytes. Default 16 MiB. */
  readonly outputLimit?: number
}

export interface RunResult extends ExitResult {
  /** UTF-8; the terminal's output if the configuration asks for a terminal; "" if the stream is no pipe. */
  readonly stdout: string
  readonly stderr: string
  /** True where it was killed for `timeout`. */
  readonly timedOut: boolean
  /** True where it was killed for `outputLimit`; the output ends there. */
  readonly outputTruncated: boolean
}

const DEFAULT_OUTPUT_LIMIT = 16 * 1024 * 1024

interface Limits {
  timedOut: boolean
  outputTruncated: boolean
}

/** Starts a created container, feeds it, waits for it and deletes it. */
export async function runToEnd(container: Container, options: RunOptions): Promise<RunResult> {
  const limits: Limits = { timedOut: false, outputTruncated: false }
  const ending = watchEnding(container)
  const end = (why: keyof Limits): void => {
    limits[why] = true
    ending.begin()
  }
  const abort = ending.begin
  const limit = options.outputLimit ?? DEFAULT_OUTPUT_LIMIT
  const outputs = [container.terminal ?? container.stdout, container.stderr].map(stream =>
    collect(stream, limit, () => end('outputTruncated')),
  )
  const timer = options.timeout === undefined ? undefined : setTimeout(end, options.timeout, 'timedOut')
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    const result = await Promise.race([startAndWait(container, options), ending.failed])
    // Processes that outlived the init may hold the pipes: they go first.
    await container.delete({ force: true })
    const [stdout = '', stderr = ''] = await Promise.all(outputs)
    options.signal?.throwIfAborted()
    return { ...result, ...limits, stdout, stderr }
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
    await container[Symbol.asyncDispose]()
  }
}

async function startAndWait(container: Container, { input }: RunOptions): Promise<ExitResult> {
  await container.start()
  container.stdin?.end(input ?? '')
  if (input !== undefined) container.terminal?.write(input)
  return container.wait()
}

/** Ends the container when told to; `failed` rejects if it can't be ended, since nobody else would stop waiting for it. */
function watchEnding(container: Container): { begin(): void; readonly failed: Promise<never> } {
  let fail: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // It is looked at in a race only, which may be over already.
  failed.catch(() => {})
  // A kill that comes too late finds nothing to kill; the delete tells whether that was the reason.
  const begin = (): void =>
    void container
      .kill('SIGKILL')
      .catch(() => container.delete({ force: true }))
      .catch(fail)
  return { begin, failed }
}

async function collect(stream: Readable | null, limit: number, exceeded: () => void): Promise<string> {
  const chunks: Uint8Array[] = []
  let left = limit
  for await (const chunk of stream ?? []) {
    const bytes = chunk as Uint8Array
    chunks.push(bytes.subarray(0, left))
    left -= bytes.length
    if (left < 0) {
      exceeded()
      break
    }
  }
  return decodeAll(chunks)
}

function decodeAll(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder()
  return chunks.map(chunk => decoder.decode(chunk, { stream: true })).join('') + decoder.decode()
}
