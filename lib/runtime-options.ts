import type { CgroupDriver } from './cgroup/index.js'
import type { LogEntry } from './launch/context.js'

export interface RuntimeOptions {
  /**
   * The state directory, absolute. Default /run/tsrun; without root $XDG_RUNTIME_DIR/tsrun, and an ERR_HOST_PRIVILEGE of what first
   * needs it if that is not set. A root of a user namespace counts as one without if that variable is set and USER is not root.
   */
  readonly root?: string
  /**
   * What makes the cgroups of new containers: tsrun itself, or systemd as scopes (`linux.cgroupsPath` is `slice:prefix:name` then).
   * Default `cgroupfs`.
   */
  readonly cgroupManager?: CgroupDriver
  /**
   * The directory of the installed package (or of its native parts): for a program that is bundled into one file, and so is
   * somewhere else. One for the whole process. Default: the environment variable TSRUN_NATIVE, else beside this module.
   */
  readonly native?: string
  /**
   * What becomes of properties of a configuration that the specification does not know. `ignore`: all are ignored with a warning, as
   * it demands of a runtime for engines (config.md, extensibility). Default `refuse`: those that matter for safety are a ConfigError,
   * since a misspelt `noNewPrivileges` would leave the container less confined than it was meant to be.
   */
  readonly unknownProperties?: 'refuse' | 'ignore'
  /**
   * How many containers are made or restored, and processes exec'd, at the same time; others wait, in the order of the calls. What has
   * been made does not count, nor do those whose hooks run, or that are at it for a second already. Default: twice as many as there are processors, and no less than 4.
   */
  readonly concurrency?: number
  /** Gets warnings, such as an unknown capability. Default: each goes to `process.emitWarning` once. */
  readonly log?: (entry: LogEntry) => void
  /** `log` also gets what is done, step by step, with the level `debug`. Default false: that goes to `DEBUG=tsrun:log` only. */
  readonly debug?: boolean
}
