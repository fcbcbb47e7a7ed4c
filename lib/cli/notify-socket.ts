/** NOTIFY_SOCKET (sd_notify(3)): the service manager that started the command hears when the container is ready. */
import { announceReady, type Container } from '../index.js'

/** undefined: nobody wants to hear. */
const socket = (): string | undefined => process.env.NOTIFY_SOCKET || undefined

export const isAwaited = (): boolean => socket() !== undefined

export interface Word {
  readonly container: Container
  /** The process that the service manager is to watch: the one that stays. */
  readonly mainPid: number
  readonly signal?: AbortSignal
}

/**
 * Begins to listen; to be called before the container is started. `passed` resolves when the service manager knows that the
 * container is ready, when the container has ended, and at once if nobody wants to know.
 * @throws {StateError} if the container was created without NOTIFY_SOCKET
 */
export async function listenForReady(word: Word): Promise<{ readonly passed: Promise<void> }> {
  const to = socket()
  if (to === undefined) return { passed: Promise.resolve() }
  const heard = word.container.ready({ signal: word.signal })
  // What can't listen has failed by then.
  await Promise.race([heard, new Promise(resolve => setImmediate(resolve))])
  const passed = passOn(heard, { socket: to, mainPid: word.mainPid })
  // Without a wait for it nothing is told.
  passed.catch(() => {})
  return { passed }
}

async function passOn(heard: Promise<boolean>, announcement: Parameters<typeof announceReady>[0]): Promise<void> {
  if (await heard) await announceReady(announcement)
}
