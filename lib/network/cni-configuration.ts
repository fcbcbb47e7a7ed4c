/** The configuration of a network, as it lies in a directory of the host (Container Network Interface, section 1). */
import { optionError } from '../config/option.js'
import { refuseOtherNames } from '../config/option-shapes.js'
import { HostError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { isDirectory, isExecutable, listDirectory, readText } from '../sys/file.js'

export interface CniOptions {
  /** The `name` of a configuration. */
  readonly name: string
  /** Where configurations are looked for (`*.conflist`, and `*.conf` or `*.json` with a single plugin), in the order of their names. Default `/etc/cni/net.d`. */
  readonly configDirectories?: readonly string[]
  /** Where plugins are. Default `/opt/cni/bin`, then `/usr/lib/cni`. */
  readonly pluginDirectories?: readonly string[]
}

export type CniPlugin = Readonly<Record<string, unknown>> & { readonly type: string }

export interface CniConfiguration {
  readonly name: string
  readonly cniVersion: string
  readonly plugins: readonly CniPlugin[]
  readonly pluginDirectories: readonly string[]
}

const CONFIGURATIONS = ['/etc/cni/net.d']
const PLUGINS = ['/opt/cni/bin', '/usr/lib/cni']
const VERSIONS: readonly unknown[] = ['0.4.0', '1.0.0']

/** @throws {ConfigError} naming the option; {HostError} ERR_HOST_INSTALL for a plugin that is missing */
export function readCniConfiguration(options: CniOptions): CniConfiguration {
  refuseOtherNames('cni.', options, ['name', 'configDirectories', 'pluginDirectories'])
  const { name, configDirectories = CONFIGURATIONS, pluginDirectories = PLUGINS } = options
  if (typeof name !== 'string' || name === '')
    throw optionError({ option: 'cni', expected: 'the name of a network', received: name })
  checkPaths('configDirectories', configDirectories)
  checkPaths('pluginDirectories', pluginDirectories)
  const { path, list } = find(name, configDirectories)
  const { cniVersion, plugins } = list
  if (!VERSIONS.includes(cniVersion)) throw wrong(path, `a "cniVersion" of ${VERSIONS.join(' or ')}`, cniVersion)
  if (!Array.isArray(plugins) || plugins.length === 0 || !plugins.every(isPlugin))
    throw wrong(path, '"plugins", each with the name of a program as "type"', plugins)
  for (const { type } of plugins) findPlugin(type, pluginDirectories)
  return { name, cniVersion: String(cniVersion), plugins, pluginDirectories }
}

/** It is told what `runtimeConfig` has under that name. */
export const hasCapability = ({ capabilities }: CniPlugin, name: string): boolean =>
  isObject(capabilities) && capabilities[name] === true

/** @throws {HostError} ERR_HOST_INSTALL */
export function findPlugin(type: string, directories: readonly string[]): string {
  const found = directories.map(directory => `${directory}/${type}`).find(isExecutable)
  if (found !== undefined) return found
  throw new HostError('ERR_HOST_INSTALL', {
    needs: `the CNI plugin ${type}`,
    found: `none in ${directories.join(' and ')}`,
    remedy: 'install it (package containernetworking-plugins), or name its directory in pluginDirectories',
  })
}

function checkPaths(option: string, paths: readonly string[]): void {
  const isPath = (path: unknown): boolean => typeof path === 'string' && path.startsWith('/') && !path.includes(':')
  if (Array.isArray(paths) && paths.length > 0 && paths.every(isPath)) return
  throw optionError({ option, expected: 'absolute paths without colons', received: paths })
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The type is the name of a program in one of the directories, and no way out of it. */
const isPlugin = (value: unknown): value is CniPlugin =>
  isObject(value) && typeof value.type === 'string' && /^[A-Za-z0-9][\w.-]*$/.test(value.type)

const wrong = (path: string, expected: string, received: unknown) =>
  optionError({ option: `cni: ${path}`, expected, received })

/** What can't be read is told only if no other file has the network. */
function find(name: string, directories: readonly string[]): { path: string; list: Json } {
  const unread: string[] = []
  const names: unknown[] = []
  for (const path of directories.flatMap(filesIn)) {
    const list = readList(path)
    if (typeof list === 'string') unread.push(`${path} (${list})`)
    else if (list.name === name) return { path, list }
    else names.push(list.name)
  }
  const others = `${names.length === 0 ? 'none' : names.join(', ')} in ${directories.join(' and ')}`
  const faults = unread.length === 0 ? '' : `; what can not be read: ${unread.join(', ')}`
  throw optionError({ option: 'cni', expected: `the name of a network (there is ${others}${faults})`, received: name })
}

const filesIn = (directory: string): string[] =>
  isDirectory(directory)
    ? listDirectory(directory)
        .filter(name => /\.(conflist|conf|json)$/.test(name))
        .sort()
        .map(name => `${directory}/${name}`)
    : []

/** As a list; in words what is wrong with it. */
function readList(path: string): Json | string {
  try {
    const value: unknown = JSON.parse(readText(path))
    if (!isObject(value)) return 'no object'
    return path.endsWith('.conflist') ? value : { name: value.name, cniVersion: value.cniVersion, plugins: [value] }
  } catch (error) {
    if (error instanceof SyntaxError) return 'no JSON'
    if (isErrno(error)) return error.errno
    throw error
  }
}
