/** What both directions ask of CRIU in the same words. */
import { CRIU_CONFIG_ANNOTATION } from '../config/annotations.js'
import type { Config } from '../config/config.js'
import { CGROUP_MODES, type CriuOptions } from './rpc.js'

export interface CriuSettings {
  /** The directory of the images. A dump makes it. */
  readonly imagePath: string
  /** Where CRIU writes its log. Default: `imagePath`. */
  readonly workPath?: string
  /** Connections of TCP are saved with their state, or restored. Default false: an open one is an error. */
  readonly tcpEstablished?: boolean
  /** Sockets of AF_UNIX may have their other end outside of the container. Default false. */
  readonly externalUnixSockets?: boolean
  /** The session and the terminal may be those of the caller. Default false. */
  readonly shellJob?: boolean
  /** Locks of files are kept. Default false: one is an error. */
  readonly fileLocks?: boolean
  /** What becomes of the cgroups below the container's, and of their settings. Default `soft`. */
  readonly manageCgroups?: 'soft' | 'full' | 'strict' | 'ignore'
  /** Namespaces that are restored empty, for somebody else to furnish. Default: the network, if it has more devices than `lo`. */
  readonly emptyNamespaces?: readonly 'network'[]
  /** Pages that images have twice are given up in the earlier ones. Default false. */
  readonly autoDedup?: boolean
  /** Memory is moved when it is needed, by `criu lazy-pages`. Default false. */
  readonly lazyPages?: boolean
  /** CRIU's program. Default `criu`, in the PATH and the usual folders. */
  readonly criu?: string
  /** Called at each step that CRIU tells of; it goes on when the call has returned. Not to be counted on: any other release may have others. */
  readonly onProgress?: (progress: CheckpointProgress) => void
}

export interface CheckpointProgress {
  /** Such as `pre-dump`, `network-lock`, `post-dump`, `setup-namespaces`, `post-restore`, `pre-resume`. */
  readonly step: string
}

const CLONE_NEWNET = 0x40000000
const LOG_LEVEL = 4
const DEFAULT_CONFIG_FILE = '/etc/criu/runc.conf'

export function commonOptions(settings: CriuSettings, config: Config): CriuOptions {
  const { tcpEstablished, externalUnixSockets, shellJob, fileLocks, autoDedup, lazyPages } = settings
  const mode = CGROUP_MODES[settings.manageCgroups ?? 'soft']
  return {
    ...{ tcpEstablished, externalUnixSockets, shellJob, fileLocks, autoDedup, lazyPages },
    ...{ logLevel: LOG_LEVEL, notifies: true, orphanTerminals: true, managesCgroups: true, cgroupMode: mode },
    ...configFileOf(config),
  }
}

/** Whether it has a network namespace that is not by path. */
export const ownsNetwork = ({ linux }: Config): boolean =>
  linux.namespaces.some(({ type, path }) => type === 'network' && path === null)

export const emptyMask = (isEmpty: boolean): number => (isEmpty ? CLONE_NEWNET : 0)

/** As with runc: the annotation names a file with more options, an empty one means none, and else there is a usual one. */
function configFileOf({ annotations }: Config): CriuOptions {
  const configFile = annotations[CRIU_CONFIG_ANNOTATION] ?? DEFAULT_CONFIG_FILE
  return configFile === '' ? {} : { configFile }
}

/** What a namespace by path is called in the images, as by runc. */
export const namespaceKey = (type: 'network' | 'pid'): string => (type === 'pid' ? 'extRootPidNS' : 'extRootNetNS')
