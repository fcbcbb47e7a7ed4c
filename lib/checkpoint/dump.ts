/** A dump: the processes of a container become images, and end or go on. */
import type { Config, NamespaceType } from '../config/config.js'
import { CheckpointError } from '../errors.js'
import { fileStatus, readText } from '../sys/file.js'
import { resolveIn } from './container-path.js'
import { type CriuDirectories, type CriuStep, callCriu } from './criu.js'
import { externalMounts } from './external-mounts.js'
import { checkParent, type ImagePaths, makeImageDirectories, pathsOf, writeDescriptors } from './image-directory.js'
import { parseMountTable } from './mount-table.js'
import { type CriuSettings, commonOptions, emptyMask, namespaceKey, ownsNetwork } from './request.js'
import type { CriuFeatures, CriuOptions } from './rpc.js'
import { beginRoot, type RootOfLayers } from './saved-root.js'

export interface DumpSettings extends CriuSettings {
  /** The images of a pre-dump before this one, relative to `imagePath`: what has not changed since is not written again. */
  readonly parentPath?: string
  /** The container goes on. Default false: it ends. */
  readonly leaveRunning?: boolean
  /** Only its memory is saved, for a later dump with `parentPath`; it goes on. Default false. */
  readonly preDump?: boolean
  /** Connections of TCP that are being made are left out. Default false: one is an error. */
  readonly tcpSkipInFlight?: boolean
  /** Files that have no name any more get one. Default false. */
  readonly linkRemap?: boolean
  /** Memory is sent to that `criu page-server`. */
  readonly pageServer?: { readonly address: string; readonly port: number }
}

export interface DumpInput {
  readonly settings: DumpSettings
  readonly config: Config
  readonly pid: number
  readonly rootfs: string
  /** null: the root is one directory. */
  readonly root: RootOfLayers | null
  /** The cgroup that stops all processes, as a path of the host; null: there is none. */
  readonly freezer: string | null
  /** What the standard streams of the first process were. */
  readonly descriptors: readonly string[]
  readonly onStep: (step: CriuStep) => Promise<void>
  readonly signal?: AbortSignal | undefined
}

const LOG = 'dump.log'

/** @throws {CheckpointError|HostError|ConfigError|SystemError}; the reason of `signal`, at the next step */
export async function dump(input: DumpInput): Promise<void> {
  const { settings, config, signal, onStep } = input
  const { criu: program, preDump = false, lazyPages = false, parentPath } = settings
  const paths = pathsOf(settings)
  const memoryTracking = preDump || parentPath !== undefined
  makeImageDirectories(paths)
  if (parentPath !== undefined) checkParent(paths, parentPath)
  if (memoryTracking || lazyPages) await demandFeatures(program, { memoryTracking, lazyPages })
  const surroundings = preDump ? {} : saveSurroundings(input, paths)
  const options = { ...commonOptions(settings, config), ...ownOptions(input), ...surroundings, logFile: LOG }
  const request = (directories: CriuDirectories) => ({ options: { ...options, ...directories } })
  const type = preDump ? 'preDump' : 'dump'
  // Nobody may ever ask for the rest of the pages.
  const ending = { signal, diesAtOnce: lazyPages, diesWithUs: lazyPages }
  await callCriu({ program, type, request, paths, logFile: LOG, onStep, ...ending })
}

function ownOptions({ settings, config, pid, rootfs, freezer }: DumpInput): CriuOptions {
  const { leaveRunning, tcpSkipInFlight, linkRemap, parentPath, pageServer, emptyNamespaces } = settings
  const isEmpty = emptyNamespaces?.includes('network') ?? hasDevices(config, pid)
  return {
    ...{ leaveRunning, tcpSkipInFlight, linkRemap, pageServer, pid, root: rootfs },
    ...(freezer === null ? {} : { freezeCgroup: freezer }),
    ...(parentPath === undefined ? {} : { parentImage: parentPath, tracksMemory: true }),
    emptyNamespaces: emptyMask(isEmpty),
    external: (['network', 'pid'] as const).flatMap(type => externalNamespace(config, type)),
  }
}

/** What a dump has in its request, and beside its images, that a pre-dump has not. */
function saveSurroundings({ config, pid, root, descriptors }: DumpInput, paths: ImagePaths): CriuOptions {
  const mounts = parseMountTable(readText(`/proc/${pid}/mountinfo`))
  writeDescriptors(paths, descriptors)
  beginRoot(paths, root)
  return { externalMounts: externalMounts({ config, mounts, resolve: path => resolveIn(`/proc/${pid}/root`, path) }) }
}

/** Whether its network namespace, if it is its own, has devices that CRIU can not make again, since their other end is elsewhere. */
function hasDevices(config: Config, pid: number): boolean {
  if (!ownsNetwork(config)) return false
  const [, , ...lines] = readText(`/proc/${pid}/net/dev`).trimEnd().split('\n')
  return lines.some(line => line.trim().split(':')[0] !== 'lo')
}

const CRIU_NAMES = { network: 'net', pid: 'pid' } as const

function externalNamespace({ linux }: Config, type: NamespaceType & keyof typeof CRIU_NAMES): string[] {
  const path = linux.namespaces.find(namespace => namespace.type === type)?.path ?? null
  return path === null ? [] : [`${CRIU_NAMES[type]}[${fileStatus(path).inode}]:${namespaceKey(type)}`]
}

const WORDS = { memoryTracking: 'the tracking of changes of memory', lazyPages: 'pages on demand' } as const

/** @throws {CheckpointError} for what CRIU, or the kernel, can not do */
async function demandFeatures(program: string | undefined, features: Required<CriuFeatures>): Promise<void> {
  const answer = await callCriu({ program, type: 'featureCheck', request: () => ({ features }) })
  const missing = (['memoryTracking', 'lazyPages'] as const).filter(
    name => features[name] === true && answer.features?.[name] !== true,
  )
  if (missing.length === 0) return
  const message = `criu is missing features: ${missing.map(name => WORDS[name]).join(', ')}, by its release or this kernel`
  throw new CheckpointError('ERR_CHECKPOINT_CRIU', message, { log: '', lines: [], errno: 'ENOTSUP' })
}
