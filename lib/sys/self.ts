/** What the host process knows of itself and its kernel. */
import { readFileSync } from 'node:fs'
import { availableParallelism, release } from 'node:os'

export const environment = (): Readonly<Record<string, string | undefined>> => process.env
export const parentPid = (): number => process.ppid
export const effectiveUid = (): number => process.geteuid?.() ?? 0
export const effectiveGid = (): number => process.getegid?.() ?? 0
/** The texts that have been told; the oldest is forgotten if there are many. */
const warned = new Set<string>()
const MOST_WARNED = 1000

/** A warning of this process (`process.on('warning')`), the same text once. */
export function emitWarning(message: string): void {
  if (warned.has(message)) return
  const [oldest] = warned
  if (warned.size >= MOST_WARNED && oldest !== undefined) warned.delete(oldest)
  warned.add(message)
  process.emitWarning(message, { type: 'TsrunWarning', code: 'TSRUN_WARNING' })
}

export const ownPid = (): number => process.pid
export const currentDirectory = (): string => process.cwd()
export const kernelRelease = (): string => release()
export const architecture = (): string => process.arch
/** Ends when the next turn of the event loop begins; `milliseconds` more if given. */
export const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
/** As `sleep`, without keeping the event loop alive. */
export const sleepIdly = (milliseconds: number): Promise<void> =>
  new Promise(resolve => void setTimeout(resolve, milliseconds).unref())
/** A name that nobody else has: 96 random bits. */
export const randomName = (): string =>
  `tsrun-${Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString('hex')}`
/** Milliseconds of a clock that never goes back. `performance.now` is the same, and loads a dozen of Node's modules for it. */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
/** Which other program than Node.js runs this, with its version; null: none. */
export const otherRuntime = (): string | null => {
  const { bun, deno } = process.versions as Readonly<Record<string, string | undefined>>
  if (bun !== undefined) return `Bun ${bun}`
  return deno === undefined ? null : `Deno ${deno}`
}
/** Resolves in the next turn of the event loop, after what waits to be read has been. */
export const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
/** How many processors this process may use. */
export const processors = (): number => availableParallelism()
/** AT_PAGESZ of getauxval(3). */
const PAGE_SIZE_TAG = 6n
let bytesOfPage = 0
/** Of memory, in bytes. */
export function pageSize(): number {
  if (bytesOfPage > 0) return bytesOfPage
  const pairs = new BigUint64Array(Uint8Array.from(readFileSync('/proc/self/auxv')).buffer)
  const at = pairs.findIndex((tag, index) => index % 2 === 0 && tag === PAGE_SIZE_TAG)
  bytesOfPage = at < 0 ? 4096 : Number(pairs[at + 1])
  return bytesOfPage
}
