/** What a call of create is told. */
import { CGROUPS_PATH, isCgroupsPath } from '../config/linux.js'
import { optionError } from '../config/option.js'
import type { Stdio } from '../launch/stdio.js'
import type { TimelineEntry } from '../launch/timeline.js'
import type { Bundle, BundleInput } from './bundle.js'
import type { NetworkOptions } from './create-network.js'

/** Of one container, whatever it is made of. */
export interface ContainerOptions {
  /** Letters, digits, `_`, `+`, `-` and `.`, not beginning with a dot; at most 1024 characters. */
  readonly id: string
  /** Default `pipe`. Of no meaning if the configuration asks for a terminal. */
  readonly stdio?: Stdio
  /** Where the terminal's master is sent (an AF_UNIX socket's path). Default: it becomes the handle's `terminal`. */
  readonly consoleSocket?: string
  /** Descriptors of this process that the container's process gets as 3, 4, ... Default none. */
  readonly extraFds?: readonly number[]
  /**
   * The process gets NOTIFY_SOCKET, a socket at which it says that it is ready (sd_notify(3)), and the container's `ready()` hears it.
   * Default false.
   */
  readonly notify?: boolean
  /** What is set up in the container's own network namespace. Default: the loopback device, and nothing else. */
  readonly network?: NetworkOptions
  /** Use MS_MOVE and chroot in place of pivot_root (for a root on a ramdisk). Default false. */
  readonly noPivot?: boolean
  /**
   * The first process is one of tsrun's own: it passes signals on to the program, reaps what has lost its parent, and ends as the
   * program does, also by a signal that a first process would ignore. Needs a pid namespace of its own. Default false.
   */
  readonly init?: boolean
  /** The container ends when this process does, however that happens; needs what `init` needs, and implies it. Default false. */
  readonly dieWithParent?: boolean
  /** The container is meant to outlive this process: it has no owner, and `sweep` leaves it alone. Default false. */
  readonly detached?: boolean
  /** Gets what making it has taken, step by step: `drawTimeline` makes a picture of that. Default: nobody does, and nothing is measured. */
  readonly onTimeline?: (timeline: readonly TimelineEntry[]) => void
  /** Keep the session keyring of this process. Default false: a new one. */
  readonly noNewKeyring?: boolean
  /** Cancels: whatever has been made is undone, and the signal's reason is thrown. */
  readonly signal?: AbortSignal
}

export type CreateOptions = BundleInput & ContainerOptions

/** With what only the command needs. */
export interface CommandContainerOptions extends ContainerOptions {
  /**
   * What is written to the terminal keeps its line feeds as they are, for a reader that is no terminal itself. Default false:
   * the kernel adds carriage returns (ONLCR, termios(3)).
   */
  readonly lineFeedsOnly?: boolean
  /** Gets a pidfd of the init with the message `standard` (an AF_UNIX socket's path). Default: nobody does. */
  readonly pidfdSocket?: string
  /** `NAME=value`: the process gets them in addition to, or in place of, those of the configuration. Default none. */
  readonly extraEnv?: readonly string[]
  /**
   * For a program that is about to end: the exit status of the container is left to the process that inherits its init then (the
   * nearest subreaper), also if the container ends before. Default false: this process takes it.
   */
  readonly leavesStatus?: boolean
}

export type CommandCreateOptions = BundleInput & CommandContainerOptions

/** Whatever it is made of. */
export type MadeOptions = CommandContainerOptions & Pick<PreparedOptions, 'cgroupsPath'>

/** Of one container of a prepared configuration. */
export interface PreparedOptions extends Omit<ContainerOptions, 'id'> {
  /** In place of `linux.cgroupsPath`: two containers can't have the same cgroup. Default: what the configuration says. */
  readonly cgroupsPath?: string
}

/** @throws {ConfigError} for a `cgroupsPath` that is none */
export function inCgroup(bundle: Bundle, { cgroupsPath }: Pick<PreparedOptions, 'cgroupsPath'>): Bundle {
  if (cgroupsPath === undefined) return bundle
  if (!isCgroupsPath(cgroupsPath)) {
    throw optionError({ option: 'cgroupsPath', expected: CGROUPS_PATH, received: cgroupsPath })
  }
  const { config } = bundle
  return { ...bundle, config: { ...config, linux: { ...config.linux, cgroupsPath } } }
}
