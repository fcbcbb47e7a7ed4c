import type { CgroupDriver } from '../cgroup/index.js'
import type { HostFacts } from '../host/facts.js'
import type { Store } from '../store/store.js'
import type { Queue } from './queue.js'

/** Something that a caller may want to know and that is not an error. */
export interface LogEntry {
  /** `debug`: what is done, step by step. */
  readonly level: 'warning' | 'info' | 'debug'
  readonly message: string
  /** The container that it is about, "" if there is none. */
  readonly id: string
}

/** What all operations of one runtime share. */
export interface Context {
  readonly store: Store
  /** What makes the cgroups of new containers. */
  readonly cgroupManager: CgroupDriver
  /** Unknown properties of a configuration are told, whatever they are; else those that matter for safety are refused. */
  readonly ignoresUnknown: boolean
  /** Whether options that only the command needs are options. */
  readonly isCommand: boolean
  /** Probed at the first use, then kept. */
  readonly facts: () => HostFacts
  readonly log: (entry: LogEntry) => void
  /** What creates and execs wait in. */
  readonly queue: Queue
  /** What has been done with a container, for a person who looks for a fault. */
  readonly debug: (id: string, message: string) => void
}
