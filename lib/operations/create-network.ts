/** What `create` is asked to set up in a container's network namespace. */
import type { Config, Mount } from '../config/config.js'
import { optionError } from '../config/option.js'
import { ConfigError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { writeNewFile } from '../sys/file.js'
import { parseIp } from '../sys/ip-address.js'
import { checkListen, type ListenOptions, readPrefix } from './container-network.js'
import { demandOwnNetwork } from './namespace-sockets.js'

/** Each needs a new network namespace, of this container alone. */
export interface NetworkOptions {
  /**
   * Addresses and prefixes, such as `198.18.0.0/15` or `0.0.0.0/0`, that are local in the container (`ip route add local PREFIX dev lo`): what
   * listens on them there gets what is sent to them. Default none.
   */
  readonly local?: readonly string[]
  /** Sockets in the container that this process listens on: `container.network.listeners`. Default none. */
  readonly listen?: readonly ListenOptions[]
  /** Addresses of name servers: the container gets an /etc/resolv.conf of them. Needs a mount namespace. Default: it has what its root has. */
  readonly nameservers?: readonly string[]
}

const KNOWN: readonly (keyof NetworkOptions)[] = ['local', 'listen', 'nameservers']

/** @throws {ConfigError} for what is wrong in itself, and for a container without a network namespace of its own */
export function checkNetwork(options: NetworkOptions, config: Config): void {
  for (const [name, value] of Object.entries(options)) {
    const option = `network.${name}`
    if (!KNOWN.some(known => known === name))
      throw optionError({ option, expected: `absent: known are ${KNOWN.join(', ')}`, received: value })
    if (value !== undefined && !Array.isArray(value))
      throw optionError({ option, expected: 'an array', received: value })
  }
  demandOwnNetwork(config)
  for (const prefix of options.local ?? []) readPrefix(prefix)
  for (const listen of options.listen ?? []) checkListen(listen)
  for (const address of options.nameservers ?? []) checkNameserver(address)
  if (options.nameservers !== undefined) demandMounts(config)
}

function checkNameserver(address: unknown): void {
  if (typeof address === 'string' && parseIp(address) !== null) return
  throw optionError({ option: 'network.nameservers', expected: 'addresses', received: address })
}

function demandMounts({ linux }: Config): void {
  if (linux.namespaces.some(({ type }) => type === 'mount')) return
  const expected = 'a mount namespace, for an /etc/resolv.conf of its own'
  const issue = { path: '/linux/namespaces', rule: 'tsrun#network', expected, received: 'none' }
  throw new ConfigError('ERR_CONFIG_INVALID', [{ ...issue, message: `must have ${expected}` }])
}

const resolverFile = ({ store }: Context, id: string): string => `${store.directory(id)}/resolv.conf`

/** In the state directory of a container that is being made. Anybody in the container may read it. */
export function writeResolverFile(context: Context, id: string, nameservers: readonly string[]): void {
  writeNewFile(resolverFile(context, id), nameservers.map(address => `nameserver ${address}\n`).join(''), 0o644)
}

export function resolverMount(context: Context, id: string): Mount {
  // MOUNT_ATTR_RDONLY, NOSUID, NODEV and NOEXEC
  const attributes = { set: 0xfn, clear: 0n, implied: 0n, recSet: 0n, recClear: 0n, propagation: 0 }
  return {
    ...{ kind: 'bind', type: '', source: resolverFile(context, id), destination: '/etc/resolv.conf' },
    ...{ recursive: false, ...attributes, laterPropagation: [], idmap: null, copyUp: false },
    ...{ superblock: [], data: [], origin: '' },
  }
}
