/** A restore: images become the processes of a container. */
import type { CgroupDirectory } from '../cgroup/index.js'
import type { Config } from '../config/config.js'
import { type Finding, makeIssue } from '../config/issues.js'
import { NAMESPACE_FILES } from '../config/namespaces.js'
import { ConfigError } from '../errors.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { openRead, readText } from '../sys/file.js'
import { resolveIn } from './container-path.js'
import { type CriuDirectories, type CriuStep, callCriu, FIRST_INHERITED } from './criu.js'
import { mountSources } from './external-mounts.js'
import { checkImages, hasNetworkImages, type ImagePaths, pathsOf, readDescriptors } from './image-directory.js'
import { openImagesAs } from './image-view.js'
import { parseMountTable } from './mount-table.js'
import { checkPageFiles } from './page-files.js'
import { type CriuSettings, commonOptions, emptyMask, namespaceKey, ownsNetwork } from './request.js'
import type { CriuOptions } from './rpc.js'

export interface RestoreSettings extends CriuSettings {
  /** Connections of TCP are closed in place of restored. Default false. */
  readonly tcpClose?: boolean
  /** The profile of AppArmor, or the label of SELinux, in place of the one that was saved: `apparmor:NAME` or `selinux:LABEL`. */
  readonly lsmProfile?: string
  /** The context of SELinux of the mounts in place of the one that was saved. */
  readonly lsmMountContext?: string
}

export interface RestoreInput {
  readonly settings: RestoreSettings
  readonly config: Config
  readonly rootfs: string
  /** The root, attached nowhere yet; it stays the caller's. null: the directory. */
  readonly tree: number | null
  /** What relative sources of binds are relative to. */
  readonly base: string
  readonly cgroups: readonly CgroupDirectory[]
  /** Files by which CRIU joins the cgroup of the container, where its processes begin. */
  readonly joins: readonly number[]
  /** What the container gets for the pipes that its first process had. */
  readonly stdio: readonly [number, number, number]
  readonly onStep: (step: CriuStep) => Promise<void>
  readonly signal?: AbortSignal | undefined
}

const LOG = 'restore.log'

/** @throws {CheckpointError|HostError|ConfigError|SystemError}; the reason of `signal`. What has been restored by then is left to the caller */
export async function restoreImages(input: RestoreInput): Promise<void> {
  const { settings, config, signal } = input
  const paths = pathsOf(settings)
  checkImages(paths)
  await checkPageFiles(paths.images, signal)
  const imagesView = openImagesAs(config, paths.images)
  try {
    await callOn({ ...input, paths, imagesView })
  } finally {
    if (imagesView !== null) closeFd(imagesView)
  }
}

interface Checked extends RestoreInput {
  readonly paths: ImagePaths
  readonly imagesView: number | null
}

async function callOn(input: Checked): Promise<void> {
  const { settings, config, rootfs, tree, stdio, signal, onStep, joins: cgroups, paths, imagesView } = input
  const namespaces = openNamespaces(config)
  try {
    const isEmpty = settings.emptyNamespaces?.includes('network') ?? !hasNetworkImages(paths)
    const options: CriuOptions = {
      ...commonOptions(settings, config),
      ...ownOptions(input),
      ...{ logFile: LOG, emptyNamespaces: emptyMask(isEmpty && ownsNetwork(config)) },
      inherited: [...inheritedPipes(readDescriptors(paths)), ...namespaces.inherited],
    }
    const request = (directories: CriuDirectories) => ({ options: { ...options, ...directories } })
    const streams = settings.shellJob ? { stdio } : {}
    const inherited = [...stdio, ...namespaces.fds]
    const common = {
      program: settings.criu,
      paths,
      imagesView,
      logFile: LOG,
      onStep,
      signal,
      diesAtOnce: true,
      // It may wait for pages that nobody sends.
      diesWithUs: settings.lazyPages ?? false,
      cgroups,
      mountPoint: rootfs,
      tree,
      isReadOnly: config.root.readonly,
    }
    await callCriu({ ...common, ...streams, type: 'restore', request, inherited })
  } finally {
    closeFds(namespaces.fds)
  }
}

function ownOptions({ settings, config, rootfs, tree, base, cgroups }: RestoreInput): CriuOptions {
  const { tcpClose, lsmProfile, lsmMountContext, manageCgroups } = settings
  const mounts = parseMountTable(readText('/proc/self/mountinfo'))
  const isManaged = manageCgroups !== 'ignore'
  const byName = new Map(cgroups.map(({ name, directory }) => [name, directory]))
  const seen = tree === null ? rootfs : `/proc/self/fd/${tree}`
  const resolve = (path: string): string => resolveIn(seen, path)
  return {
    ...{ tcpClose, lsmProfile, lsmMountContext, root: rootfs, restoresSibling: true, evasiveDevices: true },
    cgroupRoots: isManaged ? cgroups.map(({ controllers, path }) => ({ controllers, path })) : [],
    externalMounts: mountSources({ config, mounts, resolve, base, real: path => resolveIn('', path), cgroups: byName }),
    joined: joinedNamespaces(config),
  }
}

/** A pipe to the outside becomes what is given to the new container. */
function inheritedPipes(names: readonly string[]): { key: string; fd: number }[] {
  return names
    .slice(0, 3)
    .flatMap((name, index) => (name.includes('pipe:') ? [{ key: name, fd: FIRST_INHERITED + index }] : []))
}

interface Namespaces {
  readonly fds: readonly number[]
  readonly inherited: readonly { key: string; fd: number }[]
}

/** Those by path that CRIU takes as descriptors. @throws {ConfigError} naming the one that is not there */
function openNamespaces({ linux }: Config): Namespaces {
  const fds: number[] = []
  const inherited: { key: string; fd: number }[] = []
  try {
    for (const { type, path, origin } of linux.namespaces) {
      if (path === null || (type !== 'network' && type !== 'pid')) continue
      inherited.push({ key: namespaceKey(type), fd: FIRST_INHERITED + 3 + fds.length })
      fds.push(openNamespace(path, origin))
    }
    return { fds, inherited }
  } catch (error) {
    closeFds(fds)
    throw error
  }
}

function openNamespace(path: string, origin: string): number {
  try {
    return openRead(path)
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw invalid({ path: `${origin}/path`, expected: 'a namespace that is there', received: path }, cause)
  }
}

/** The others by path. @throws {ConfigError} for a cgroup namespace, which CRIU can not join */
function joinedNamespaces({ linux }: Config): { type: string; file: string }[] {
  return linux.namespaces.flatMap(({ type, path, origin }) => {
    if (path === null || type === 'network' || type === 'pid') return []
    if (type !== 'cgroup') return [{ type: NAMESPACE_FILES[type], file: path }]
    throw invalid({ path: `${origin}/path`, expected: 'absent: CRIU can not join a cgroup namespace', received: path })
  })
}

function invalid(wrong: Omit<Finding, 'rule'>, cause?: unknown): ConfigError {
  const issue = makeIssue({ ...wrong, rule: 'tsrun#restore' })
  return new ConfigError('ERR_CONFIG_UNSUPPORTED', [issue], cause === undefined ? {} : { cause })
}
