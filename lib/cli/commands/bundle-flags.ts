/** What `create` and `run` share: their flags, and what becomes of them. */
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { CommandCreateOptions } from '../../for-command.js'
import type { Flag, Flags } from '../command.js'
import { isAwaited } from '../notify-socket.js'
import type { RunImage } from '../run-image.js'
import { inheritedFds } from './preserved-fds.js'

/** Of `restore` too. */
export const BUNDLE_FLAG: Flag = {
  name: 'bundle',
  short: 'b',
  value: 'DIR',
  completes: 'directory',
  help: 'the bundle (default: the current directory)',
}
export const CONSOLE_SOCKET_FLAG: Flag = {
  name: 'console-socket',
  value: 'PATH',
  completes: 'file',
  help: "an AF_UNIX socket that gets the master of the container's terminal",
}
export const PID_FILE_FLAG: Flag = {
  name: 'pid-file',
  value: 'FILE',
  completes: 'file',
  help: "write the init's pid to this file",
}

export const CREATE_FLAGS: readonly Flag[] = [
  BUNDLE_FLAG,
  CONSOLE_SOCKET_FLAG,
  {
    name: 'pidfd-socket',
    value: 'PATH',
    completes: 'file',
    help: "an AF_UNIX socket that gets a pidfd of the container's init",
  },
  PID_FILE_FLAG,
  { name: 'no-pivot', help: 'use MS_MOVE and chroot, for a root file system on a ramdisk' },
  { name: 'no-new-keyring', help: "keep the caller's session keyring" },
  { name: 'preserve-fds', value: 'N', kind: 'count', help: 'pass N descriptors, from 3 on, to the container' },
]

interface Surroundings {
  readonly isDetached: boolean
  /** In place of a bundle. */
  readonly root?: Pick<RunImage, 'config' | 'rootfs'> | undefined
}

/** @throws {Error} if the flags ask for what can't be */
export function createOptions(id: string, flags: Flags, { isDetached, root }: Surroundings): CommandCreateOptions {
  const bundle = resolve(flags.text('bundle') || '.')
  const consoleSocket = flags.text('console-socket') || undefined
  const pidfdSocket = flags.text('pidfd-socket') || undefined
  const asked = root === undefined ? asksForTerminal(bundle) : hasTerminal(root.config)
  const terminal = { hasTerminal: asked, isDetached, hasSocket: consoleSocket !== undefined }
  checkTerminal(terminal)
  return {
    id,
    ...(root === undefined ? { bundle } : { config: root.config, rootfs: root.rootfs }),
    stdio: 'inherit',
    ...(consoleSocket !== undefined && { consoleSocket: resolve(consoleSocket) }),
    ...(pidfdSocket !== undefined && { pidfdSocket: resolve(pidfdSocket) }),
    lineFeedsOnly: goesElsewhere(terminal),
    ...inheritedFds(flags.count('preserve-fds')),
    notify: isAwaited(),
    noPivot: flags.isOn('no-pivot'),
    noNewKeyring: flags.isOn('no-new-keyring'),
  }
}

interface TerminalCase {
  readonly hasTerminal: boolean
  readonly isDetached: boolean
  readonly hasSocket: boolean
}

/** @throws {Error} for a terminal that nobody would get, or a socket that would get none */
export function checkTerminal({ hasTerminal, isDetached, hasSocket }: TerminalCase): void {
  if (isDetached && hasTerminal && !hasSocket) {
    throw new Error('cannot allocate tty if tsrun will detach without setting console socket')
  }
  if (hasSocket && !(isDetached && hasTerminal)) {
    throw new Error('cannot use console socket if tsrun will not detach or allocate tty')
  }
}

/** Whether what the container writes to its terminal comes out of this command if there is none: in a file or a pipe. */
export function goesElsewhere({ hasTerminal, hasSocket }: TerminalCase): boolean {
  // Only looked at with a terminal: Node makes a stream of it.
  return hasTerminal && !hasSocket && !process.stdout.isTTY
}

/** What can't be read is told by `create`, with all that is wrong. */
export function asksForTerminal(bundle: string): boolean {
  try {
    return hasTerminal(JSON.parse(readConfig(bundle)))
  } catch {
    return false
  }
}

export const hasTerminal = (config: { readonly process?: { readonly terminal?: boolean } | null } | null): boolean =>
  config?.process?.terminal === true

/** Without waiting for the other end of a fifo; "" for what is no file. */
function readConfig(bundle: string): string {
  const fd = openSync(join(bundle, 'config.json'), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const status = fstatSync(fd)
    return status.isFile() && status.size < LARGEST_CONFIG ? readFileSync(fd, 'utf8') : ''
  } finally {
    closeSync(fd)
  }
}

/** Far above what create takes. */
const LARGEST_CONFIG = 64 * 1024 * 1024

/**
 * Writes the pid as engines wait for it: the whole file at once, digits without a line feed.
 * @throws {Error} after `undo`: nobody would know that the process is there
 */
export async function writePidFile(
  path: string | undefined,
  { pid }: { readonly pid: number },
  undo: () => Promise<unknown>,
): Promise<void> {
  if (!path) return
  const target = resolve(path)
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}`)
  try {
    const fd = openSync(temporary, 'wx', 0o644)
    writeSync(fd, String(pid))
    closeSync(fd)
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    await undo()
    throw new Error(`the pid file ${target}: ${(error as Error).message}`, { cause: error })
  }
}
