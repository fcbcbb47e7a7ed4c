/**
 * `linux.seccomp` becomes a program for seccomp(2). It is generated once per profile: kept in memory and, if the
 * caller names a directory, on disk.
 */
import { filterFlags, type Seccomp } from '../config/seccomp.js'
import { isErrno } from '../sys/errno.js'
import { sha256 } from '../sys/hash.js'
import { libseccompPath } from '../sys/libseccomp.js'
import { architecture } from '../sys/self.js'
import { trace } from '../sys/trace.js'
import { readCachedProgram, writeCachedProgram } from './filter-cache.js'
import { generateProgram } from './generate.js'

const log = trace('seccomp')

export interface Filter {
  /** An array of struct sock_filter. Not to be changed: it is shared. */
  readonly program: Uint8Array
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number
}

/** What we make of a profile; another number whenever the same profile gives another program. */
const GENERATION = 1

/**
 * The program and flags for a profile. Blocks for some milliseconds when the profile is new.
 * @param cacheDirectory where compiled programs are kept, made with mode 0700 in an existing parent; null: in memory only
 * @throws {ConfigError} naming the rule or architecture that libseccomp refuses
 * @throws {HostError} ERR_HOST_KERNEL if the profile is new and there is no libseccomp
 */
export function compileFilter({
  seccomp,
  cacheDirectory,
}: {
  seccomp: Seccomp
  cacheDirectory: string | null
}): Filter {
  return { program: programFor(seccomp, cacheDirectory), flags: filterFlags(seccomp) }
}

const PROGRAMS_IN_MEMORY = 64
const programs = new Map<string, Uint8Array>()

function programFor(seccomp: Seccomp, cacheDirectory: string | null): Uint8Array {
  const description = describe(seccomp)
  const program = programs.get(description) ?? programOnDisk({ seccomp, cacheDirectory, description })
  // Deleted and set again: a map keeps its order, so the first is the one that was not used for the longest time.
  programs.delete(description)
  programs.set(description, program)
  const [oldest] = programs.keys()
  if (programs.size > PROGRAMS_IN_MEMORY && oldest !== undefined) programs.delete(oldest)
  return program
}

/** All of the profile that decides about the program, always in the same words. */
function describe({ defaultAction, defaultErrnoRet, architectures, syscalls }: Seccomp): string {
  const rules = syscalls.map(({ names, action, errnoRet, args }) => [
    names,
    action,
    errnoRet,
    args.map(({ index, value, valueTwo, op }) => [index, String(value), String(valueTwo), op]),
  ])
  return JSON.stringify([GENERATION, architecture(), defaultAction, defaultErrnoRet, architectures, rules])
}

interface Source {
  readonly seccomp: Seccomp
  readonly cacheDirectory: string | null
  readonly description: string
}

function programOnDisk({ seccomp, cacheDirectory: directory, description }: Source): Uint8Array {
  if (directory === null) return generateProgram(seccomp)
  const key = sha256(description)
  const cached = readCachedProgram({ directory, key })
  if (typeof cached !== 'string') return cached
  log('compiling %s, since in the cache: %s', key, cached)
  const program = generateProgram(seccomp)
  try {
    writeCachedProgram({ directory, key, library: libseccompPath(), program })
  } catch (error) {
    // A container does not fail for want of a cache.
    if (!isErrno(error)) throw error
    log('not cached: %s', error)
  }
  return program
}
