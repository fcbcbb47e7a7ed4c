/** Programs of the host, as they are written down for the init helper (native/init/program.c), which becomes them. */
import { closeFds } from './beneath.js'
import { isExecutable } from './file.js'
import { helperExecutable, sealedMemory } from './memory.js'
import { type Spawned, spawn } from './spawn.js'

export interface HostProgram {
  readonly path: string
  /** argv with argv[0]; if it is empty the path stands for that. */
  readonly args: readonly string[]
  /** `NAME=value`; nothing is inherited. */
  readonly env: readonly string[]
  /** It begins in a mount namespace of its own, in which this directory is a mount point. Default: in ours. */
  readonly mountPoint?: string
  /** That is read-only. Default false: as it is. */
  readonly isReadOnly?: boolean
  /** It begins in a session of its own. Default false. */
  readonly hasSession?: boolean
  /** It is killed when the thread ends that has started it. Default false. */
  readonly diesWithUs?: boolean
  /** The descriptor of the program that gets a byte when it is about to begin: it is in its namespace and cgroups then. Default: none. */
  readonly told?: number
}

const FLAGS = { newSession: 1, readOnly: 2, diesWithParent: 4, tree: 8 } as const

/** How many cgroups, and whether a mount, are among the descriptors after its own. */
interface Following {
  readonly cgroups?: number
  readonly hasTree?: boolean
}

export function encodeProgram(program: HostProgram, { cgroups = 0, hasTree = false }: Following = {}): Uint8Array {
  const { path, args, env, mountPoint = '', isReadOnly = false, hasSession = false } = program
  const { diesWithUs = false, told = 0 } = program
  const words = args.length > 0 ? args : [path]
  const wanted = { newSession: hasSession, readOnly: isReadOnly, diesWithParent: diesWithUs, tree: hasTree }
  const flags = Object.entries(wanted).reduce(
    (all, [name, on]) => (on ? all | FLAGS[name as keyof typeof FLAGS] : all),
    0,
  )
  const numbers = Uint32Array.of(words.length, env.length, cgroups, flags, told)
  const texts = [path, mountPoint, ...words, ...env].map(text => `${text}\0`).join('')
  return Buffer.concat([Buffer.from(numbers.buffer), Buffer.from(texts)])
}

/** Where a program is: a path with a slash as it is, any other name by the PATH of `env`; null: nowhere there. */
export function findProgram(path: string, env: readonly string[]): string | null {
  if (path.includes('/')) return path
  const [, directories = ''] = env.find(entry => entry.startsWith('PATH='))?.split('=') ?? []
  const candidates = directories.split(':').map(directory => `${directory || '.'}/${path}`)
  return candidates.find(isExecutable) ?? null
}

export interface StartedProgram extends HostProgram {
  /** `fds[i]` becomes its descriptor i; they stay the caller's, as do the next ones. */
  readonly fds: readonly number[]
  /** Files by which a process joins a cgroup: it begins there. Default: in ours. */
  readonly cgroups?: readonly number[]
  /** A mount that is attached nowhere yet: it comes over `mountPoint`. Default: what is there already. */
  readonly tree?: number | null
}

/**
 * Starts a program as a child of this process, which the caller has to follow and reap. Status 127: it can't be executed.
 * @throws {SystemError} if no process can be made
 */
export function startProgram({ fds, cgroups = [], tree = null, ...program }: StartedProgram): Spawned {
  const following = { cgroups: cgroups.length, hasTree: tree !== null }
  const written = sealedMemory('tsrun-program', encodeProgram(program, following))
  try {
    const all = [...fds, written, ...cgroups, ...(tree === null ? [] : [tree])]
    return spawn({ executable: helperExecutable(), arguments: ['=', String(fds.length)], fds: all })
  } finally {
    closeFds([written])
  }
}
