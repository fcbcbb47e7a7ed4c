/** sd_notify(3): a socket in the container by which its process says that it is ready, and the word to a service manager. */

import type { Config, Mount } from '../config/config.js'
import { ConfigError, StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { makeDirectory, removeFile } from '../sys/file.js'
import { listenForDatagrams, receiveDatagram, sendDatagram } from '../sys/socket.js'
import { makePipe } from '../sys/stream.js'
import { HANGUP, READABLE, watch } from '../sys/watch.js'
import { openInit } from './state.js'

/** As with runc; the directory is mounted, since the socket comes and goes with its listener. */
const IN_CONTAINER = '/run/notify'
const SOCKET = 'notify.sock'
/** What the process gets. */
export const NOTIFY_ENV = `NOTIFY_SOCKET=${IN_CONTAINER}/${SOCKET}`

const directoryOf = ({ store }: Context, id: string): string => `${store.directory(id)}/notify`

/** @throws {ConfigError} if there is no mount namespace for it */
export function notifyMount(context: Context, id: string, { linux }: Config): Mount {
  if (!linux.namespaces.some(({ type }) => type === 'mount')) throw noMountNamespace()
  // MOUNT_ATTR_RDONLY, NOSUID, NODEV and NOEXEC
  const set = 0xfn
  const nothing = {
    clear: 0n,
    implied: 0n,
    recSet: 0n,
    recClear: 0n,
    propagation: 0,
    laterPropagation: [],
    idmap: null,
    copyUp: false,
  }
  return {
    ...{ kind: 'bind', type: '', source: directoryOf(context, id), destination: IN_CONTAINER, recursive: false },
    ...{ ...nothing, set, superblock: [], data: [], origin: '' },
  }
}

function noMountNamespace(): ConfigError {
  const expected = 'a mount namespace, for the socket of sd_notify'
  const message = `must have ${expected}`
  const issue = { path: '/linux/namespaces', rule: 'tsrun#notify', expected, received: 'none', message }
  return new ConfigError('ERR_CONFIG_INVALID', [issue])
}

/** In the state directory of a container that is being made. Anybody in the container may look into it. */
export function makeNotifyDirectory(context: Context, id: string): void {
  makeDirectory(directoryOf(context, id), 0o755)
}

export interface ReadyOptions {
  /** Cancels the waiting; the signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/**
 * True when the container's process has said READY=1, false when it has ended before. Listens from the moment of the call.
 * @throws {StateError} ERR_STATE_STATUS if the container was not created with `notify`
 */
export async function ready(context: Context, id: string, { signal }: ReadyOptions): Promise<boolean> {
  signal?.throwIfAborted()
  const record = context.store.read(id)
  const path = `${directoryOf(context, id)}/${SOCKET}`
  const socket = listen(path, id)
  const pidfd = openInit(record)
  try {
    return pidfd !== null && (await firstOf({ socket, pidfd, signal }))
  } finally {
    closeFds(pidfd === null ? [socket] : [socket, pidfd])
    removeIfThere(path)
  }
}

function listen(path: string, id: string): number {
  // Left by a process that waited and was killed.
  removeIfThere(path)
  try {
    return listenForDatagrams(path)
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw cause
    const message = `container "${id}" was not created with a socket to say READY=1 at (NOTIFY_SOCKET)`
    throw new StateError('ERR_STATE_STATUS', message, { id }, { cause })
  }
}

function removeIfThere(path: string): void {
  try {
    removeFile(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

interface Sources {
  readonly socket: number
  readonly pidfd: number
  readonly signal: AbortSignal | undefined
}

async function firstOf({ socket, pidfd, signal }: Sources): Promise<boolean> {
  const exit = watch(pidfd, READABLE)
  const ended = exit.ready.then(() => 'ended' as const)
  let cancel = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    cancel = () => reject(signal?.reason)
  })
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      if (saysReady(socket)) return true
      const news = watch(socket, READABLE)
      const now = await Promise.race([news.ready, ended, cancelled]).finally(news.stop)
      if (now === 'ended') return saysReady(socket)
    }
  } finally {
    exit.stop()
    signal?.removeEventListener('abort', cancel)
  }
}

/** Looks at all that has been sent. Of what a container says only this is passed on: the rest would speak for the service. */
function saysReady(socket: number): boolean {
  for (let bytes = receiveDatagram(socket); bytes !== null; bytes = receiveDatagram(socket)) {
    if (new TextDecoder().decode(bytes).split('\n').includes('READY=1')) return true
  }
  return false
}

const BARRIER_MS = 30_000

/**
 * Tells the service manager that listens at `socket` (the value of NOTIFY_SOCKET) that the service is ready, and which process is
 * its main one. Resolves when that has been read: systemd asks the kernel which process has sent it, so the sender has to live until then.
 * @throws {SystemError} if nobody listens
 */
export async function announceReady({ socket, mainPid }: Announcement): Promise<void> {
  sendDatagram(socket, `MAINPID=${mainPid}\nREADY=1\n`)
  const pipe = sendBarrier(socket)
  const read = watch(pipe, HANGUP)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, BARRIER_MS)
  })
  await Promise.race([read.ready, late])
  clearTimeout(timer)
  read.stop()
  closeFd(pipe)
}

export interface Announcement {
  readonly socket: string
  /** As the host counts. */
  readonly mainPid: number
}

/** A pipe that hangs up when the message has been read: its reader gets the other end, and closes it. */
function sendBarrier(socket: string): number {
  const [readEnd, writeEnd] = makePipe()
  try {
    sendDatagram(socket, 'BARRIER=1', writeEnd)
    return readEnd
  } catch (error) {
    closeFd(readEnd)
    throw error
  } finally {
    closeFd(writeEnd)
  }
}
