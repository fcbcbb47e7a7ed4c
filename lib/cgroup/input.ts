/** By what a container's cgroup is found. */

import type { Resources } from '../config/config.js'
import type { CgroupFacts } from '../host/facts.js'

export type CgroupInput =
  /** The cgroup that a container of this id and `linux.cgroupsPath` has. */
  | WantedCgroup
  /** One for a user without privileges, beside our own, or none; with the limits that it is for. */
  | { readonly facts: CgroupFacts; readonly id: string; readonly delegated: Resources; readonly isLost?: boolean }
  /** What `toJSON` has given, in this process or another one. */
  | { readonly recorded: unknown }

export interface WantedCgroup {
  readonly facts: CgroupFacts
  /** `linux.cgroupsPath`; for systemd `slice:prefix:name`. */
  readonly path: string | null
  readonly id: string
  /** What makes it. Default `cgroupfs`: this library, by making directories. */
  readonly manager?: CgroupDriver
  /** Those of the configuration, which may name properties of systemd's unit. Default none. */
  readonly annotations?: Readonly<Record<string, string>>
  readonly isLost?: boolean
}

export type CgroupDriver = 'cgroupfs' | 'systemd'
