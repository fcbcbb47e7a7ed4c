/** From a bundle, or a configuration object and a directory, to a validated configuration and absolute paths. */

import type { Config, OciConfig } from '../config/config.js'
import { hasOverrides, type Overrides, readOverridden } from '../config/overrides.js'
import { LONGEST_TEXT, parseJson } from '../config/parse.js'
import { readConfig } from '../config/read.js'
import type { UnknownMember } from '../config/shape.js'
import { ConfigError } from '../errors.js'
import type { Context } from '../launch/context.js'
import type { LayeredTree } from '../plan/plan.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { areEqual, fileStatus, readRegular, realPath } from '../sys/file.js'
import { currentDirectory } from '../sys/self.js'
import { checkNetwork, type NetworkOptions, resolverMount, writeResolverFile } from './create-network.js'
import { withEnv } from './process.js'
import { makeNotifyDirectory, NOTIFY_ENV, notifyMount } from './ready.js'
import { type LayeredRoot, readLayeredRoot } from './root-option.js'

/**
 * Either a bundle directory with a `config.json`, or a configuration and the directory of its root file system; and what is different
 * from that this time. A root of layers takes the place of the configuration's `root.path`; `root.readonly` stays.
 */
export type BundleInput = Overrides &
  (
    | { readonly bundle: string; readonly config?: undefined; readonly rootfs?: LayeredRoot }
    | { readonly bundle?: undefined; readonly config: OciConfig; readonly rootfs: string | LayeredRoot }
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

/** `placeOfLayers`: where hooks are to find a root of layers. @throws {ConfigError} with all that is wrong */
export function openBundle(input: BundleInput, placeOfLayers: () => string): Bundle {
  const { rootfs: given } = input
  if (typeof given === 'object') return openLayeredBundle(input, given, placeOfLayers())
  if (input.bundle === undefined) {
    const base = currentDirectory()
    const path = given ?? ''
    const read = (document: OciConfig): Read => readConfig(document, { rootfs: path })
    const { config, warnings, unknown } = readOverridden({ overrides: input, document: input.config, read })
    const rootfs = rootDirectory(absolute(base, path), '')
    return { config, warnings, unknown, directory: null, base, rootfs, layered: null }
  }
  const directory = absolute(currentDirectory(), input.bundle)
  const file = `${directory}/config.json`
  const { config, warnings, unknown } = hasOverrides(input)
    ? readOverridden({
        overrides: input,
        document: parseJson(readConfigFile(file), file) as OciConfig,
        read: readConfig,
      })
    : readOnce(readConfigFile(file), file)
  const rootfs = rootDirectory(absolute(directory, config.root.path), '/root/path')
  return { config, warnings, unknown, directory, base: directory, rootfs, layered: null }
}

/** The configuration need not have a root, and what it says of its path is not read. */
function openLayeredBundle(input: BundleInput, root: LayeredRoot, rootfs: string): Bundle {
  const current = currentDirectory()
  const layered = readLayeredRoot(root, path => absolute(current, path))
  const directory = input.bundle === undefined ? null : absolute(current, input.bundle)
  const file = `${directory}/config.json`
  const document =
    directory === null ? (input.config as OciConfig) : (parseJson(readConfigFile(file), file) as OciConfig)
  const read = (changed: OciConfig): Read => readConfig(changed, { rootfs })
  const { config, warnings, unknown } = readOverridden({ overrides: input, document, read })
  return { config, warnings, unknown, directory, base: directory ?? current, rootfs, layered }
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

function readConfigFile(file: string): Uint8Array {
  const expected = `a readable file ${file}`
  try {
    const content = readRegular(file, LONGEST_TEXT)
    if (typeof content === 'string') throw invalid({ path: '', expected, received: content })
    return content
  } catch (cause) {
    // ENXIO: a socket.
    if (!isErrno(cause, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENXIO')) throw cause
    throw invalid({ path: '', expected, received: `${cause.errno}: ${errnoMessage(cause.errno)}` })
  }
}

function rootDirectory(path: string, pointer: string): string {
  const expected = 'an existing directory other than "/"'
  try {
    const real = realPath(path)
    if (real !== '/' && fileStatus(real).kind === 'directory') return real
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

/** What that needs in the state directory of a container that is being made. */
export function makeExtras(context: Context, { id, notify = false, network = {} }: Extras): void {
  if (notify) makeNotifyDirectory(context, id)
  if (network.nameservers !== undefined) writeResolverFile(context, id, network.nameservers)
}
