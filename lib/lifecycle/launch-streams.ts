/** What create and exec share: a process is launched with the container's ends of its streams, and the caller keeps the others. */
import type { Cgroup } from '../cgroup/index.js'
import type { Child } from '../launch/child.js'
import { closeFd } from '../sys/beneath.js'
import { type OpenStdio, openStdio, type Stdio, type Streams } from './stdio.js'

export interface Launched {
  readonly child: Child
  readonly streams: Streams
}

export interface WithStreams {
  readonly stdio: Stdio | undefined
  readonly terminal: boolean
  readonly consoleSocket: string | undefined
  /** The cgroup that the process is cloned into; null: it joins one itself. */
  readonly cgroup: Cgroup | null
  /** `directory` is that of the cgroup; null where there is none, or on version 1. */
  readonly launch: (stdio: OpenStdio, directory: number | null) => Promise<Child>
}

/** Nothing stays open where `launch` fails. */
export async function launchWithStreams(input: WithStreams): Promise<Launched> {
  const { terminal, consoleSocket = null, cgroup, launch } = input
  const stdio = openStdio(input.stdio ?? 'pipe', terminal ? { consoleSocket } : null)
  let directory: number | null = null
  try {
    directory = cgroup?.directoryFd() ?? null
    const child = await launch(stdio, directory)
    return { child, streams: stdio.streams() }
  } catch (error) {
    stdio.discard()
    throw error
  } finally {
    stdio.release()
    if (directory !== null) closeFd(directory)
  }
}
