/** From a bundle, or a configuration object and a directory, to a validated configuration and absolute paths. */

import type { Config, OciConfig } from '../config/config.js'
import { HOST_ROOT } from '../config/host-root.js'
import { type LandlockOptions, readLandlock } from '../config/landlock-option.js'
import { hasOverrides, type Overrides, readOverridden } from '../config/overrides.js'
import { LONGEST_TEXT, parseJson } from '../config/parse.js'
import { readConfig } from '../config/read.js'
import type { UnknownMember } from '../config/shape.js'
import { ConfigError } from '../errors.js'
import type { Context } from '../launch/context.js'
import type { LayeredTree } from '../plan/plan.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { areEqual } from '../sys/file.js'
import { readRegularLater, realDirectoryLater } from '../sys/job.js'
import { currentDirectory } from '../sys/self.js'
import { checkNetwork, type NetworkOptions, resolverMount, writeResolverFile } from './create-network.js'
import { withEnv } from './process.js'
import { makeNotifyDirectory, NOTIFY_ENV, notifyMount } from './ready.js'
import { type HostRoot, isHostRoot, type LayeredRoot, readLayeredRoot } from './root-option.js'

/**
 * Either a bundle directory with a `config.json`, or a configuration and the directory of its root file system; and what is different
 * from that this time. A root of layers takes the place of the configuration's `root.path`; `root.readonly` stays.
 */
export type BundleInput = Overrides & {
  /** What all processes of the container may do with files, ports and others, beside all that the configuration says. Default: what that says. */
  readonly landlock?: LandlockOptions
} & (
    | { readonly bundle: string; readonly config?: undefined; readonly rootfs?: LayeredRoot | HostRoot }
    | { readonly bundle?: undefined; readonly config: OciConfig; readonly rootfs: string | LayeredRoot | HostRoot }
  )

export interface Bundle {
  readonly config: Config
  readonly warnings: readonly string[]
  /** Properties that were ignored; for `refuseUnknown`. */
  readonly unknown: readonly UnknownMember[]
  /** Absolute; null if the caller gave a configuration object. */
  readonly directory: string | null
  /** What relative mount sources are relative to. */
  readonly base: string
  /** Absolute, without links; of layers a place in the state directory, where hooks find them. */
  readonly rootfs: string
  /** null: the root is what is at `rootfs`. */
  readonly layered: LayeredTree | null
}

/** What several containers can be made of. */
export interface ReadBundle extends Read {
  readonly directory: string | null
  readonly base: string
  /** Of a root of layers; null: the root is what `config` says. */
  readonly layers: LayeredRoot | null
  /** It has none of its own. */
  readonly isHost: boolean
}

/** `placeOfLayers`: where hooks are to find a root of layers. @throws {ConfigError} with all that is wrong */
export async function openBundle(
  input: BundleInput,
  placeOfLayers: () => string,
  signal?: AbortSignal,
): Promise<Bundle> {
  return placeBundle(await readBundle(input, signal), placeOfLayers, signal)
}

/** What does not depend on the root file system, which may be another one each time. @throws as `openBundle` */
export async function readBundle(input: BundleInput, signal?: AbortSignal): Promise<ReadBundle> {
  const landlock = readLandlock(input.landlock)
  const read = await readDocument(input, signal)
  const { config } = read
  return landlock === null ? read : { ...read, config: { ...config, linux: { ...config.linux, landlock } } }
}

async function readDocument(input: BundleInput, signal: AbortSignal | undefined): Promise<ReadBundle> {
  const current = currentDirectory()
  const { rootfs } = input
  const isHost = isHostRoot(rootfs)
  const layers = typeof rootfs === 'object' && !isHost ? (rootfs as LayeredRoot) : null
  // What a document says of its root is not read if a root is given.
  const root = rootfs === undefined ? {} : { rootfs: isHost ? HOST_ROOT : layers === null ? String(rootfs) : '' }
  const read = (document: OciConfig): Read => readConfig(document, root)
  if (input.bundle === undefined) {
    const found = readOverridden({ overrides: input, document: input.config, read })
    return { ...found, directory: null, base: current, layers, isHost }
  }
  const directory = absolute(current, input.bundle)
  const file = `${directory}/config.json`
  const bytes = await readConfigFile(file, signal)
  const found =
    layers === null && !isHost && !hasOverrides(input)
      ? readOnce(bytes, file)
      : readOverridden({ overrides: input, document: parseJson(bytes, file) as OciConfig, read })
  return { ...found, directory, base: directory, layers, isHost }
}

/** @throws {ConfigError} for a root that is not there */
export async function placeBundle(
  { layers, isHost, ...read }: ReadBundle,
  placeOfLayers: () => string,
  signal?: AbortSignal,
): Promise<Bundle> {
  const { config, base, directory } = read
  if (isHost) return { ...read, rootfs: HOST_ROOT, layered: null }
  if (layers === null) {
    const rootfs = await rootDirectory({
      path: absolute(base, config.root.path),
      pointer: directory === null ? '' : '/root/path',
      signal,
    })
    return { ...read, rootfs, layered: null }
  }
  const current = currentDirectory()
  const layered = await readLayeredRoot(layers, path => absolute(current, path), signal)
  const rootfs = placeOfLayers()
  return { ...read, config: { ...config, root: { ...config.root, path: rootfs } }, rootfs, layered }
}

type Read = ReturnType<typeof readConfig>

const MOST_REMEMBERED = 8
const LARGEST_REMEMBERED = 256 * 1024
let remembered: readonly { readonly bytes: Uint8Array; readonly read: Read }[] = []

/** The same bytes are the same configuration: a bundle that is run again and again is checked once. */
function readOnce(bytes: Uint8Array, file: string): Read {
  const known = remembered.find(entry => areEqual(entry.bytes, bytes))
  if (known !== undefined) return known.read
  const read = readConfig(bytes, { file })
  if (bytes.length <= LARGEST_REMEMBERED) remembered = [{ bytes, read }, ...remembered].slice(0, MOST_REMEMBERED)
  return read
}

function absolute(base: string, path: string): string {
  const joined = path.startsWith('/') ? path : `${base}/${path}`
  return joined.replace(/\/+(\.?\/+)*/g, '/').replace(/(?<=.)\/\.?$/, '')
}

async function readConfigFile(file: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const expected = `a readable file ${file}`
  try {
    const content = await readRegularLater({ path: file, limit: LONGEST_TEXT, signal })
    if (typeof content === 'string') throw invalid({ path: '', expected, received: content })
    return content
  } catch (cause) {
    // ENXIO: a socket.
    if (!isErrno(cause, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENXIO', 'EINVAL')) throw cause
    throw invalid({ path: '', expected, received: `${cause.errno}: ${errnoMessage(cause.errno)}` })
  }
}

interface GivenRoot {
  readonly path: string
  readonly pointer: string
  readonly signal: AbortSignal | undefined
}

async function rootDirectory({ path, pointer, signal }: GivenRoot): Promise<string> {
  const expected = 'an existing directory other than "/"'
  try {
    const real = await realDirectoryLater(path, signal)
    if (real !== '/') return real
    throw invalid({ path: pointer, expected, received: real })
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw invalid({ path: pointer, expected, received: `${path} (${cause.errno})` })
  }
}

function invalid({ path, expected, received }: { path: string; expected: string; received: string }): ConfigError {
  const rule = path === '' ? 'bundle.md' : 'config.md#root'
  const message = `expected ${expected}, received ${received}`
  return new ConfigError('ERR_CONFIG_INVALID', [{ path, rule, expected, received, message }])
}

/** What a call of create adds to the configuration, for the first process alone: what is exec'd later does not get it. */
export interface Extras {
  readonly id: string
  readonly extraEnv?: readonly string[]
  readonly notify?: boolean
  readonly network?: NetworkOptions
}

/** @throws {ConfigError} for what needs a namespace that there is not */
export function withExtras(context: Context, config: Config, extras: Extras): Config {
  const { id, extraEnv = [], notify = false, network = {} } = extras
  if (!hasExtras(extras)) return config
  if (extras.network !== undefined) checkNetwork(extras.network, config)
  const env = notify ? [...extraEnv, NOTIFY_ENV] : extraEnv
  const { process } = config
  return {
    ...config,
    process: process === null || env.length === 0 ? process : { ...process, env: withEnv(process.env, env) },
    mounts: [
      ...config.mounts,
      ...(notify ? [notifyMount(context, id, config)] : []),
      ...(network.nameservers === undefined ? [] : [resolverMount(context, id)]),
    ],
  }
}

/** Whether anything is added. */
const hasExtras = ({ extraEnv = [], notify = false, network }: Omit<Extras, 'id'>): boolean =>
  extraEnv.length > 0 || notify || network !== undefined

/** What that needs in the state directory of a container that is being made. */
export function makeExtras(context: Context, { id, notify = false, network = {} }: Extras): void {
  if (notify) makeNotifyDirectory(context, id)
  if (network.nameservers !== undefined) writeResolverFile(context, id, network.nameservers)
}
