/** What a sandbox may reach, and who may reach it. */
import { isObject } from '../config/json.js'
import { optionError } from '../config/option.js'
import { hasFunction, refuseOtherNames } from '../config/option-shapes.js'
import type { Container, NetworkOptions } from '../index.js'
import {
  type AttachOptions,
  type CniAttachment,
  type CniOptions,
  type CniPort,
  createGateway,
  type Denial,
  type Gateway,
  type GatewayOptions,
  type NetworkAttachment,
  openCni,
  removeCni,
  resolverText,
} from '../network/index.js'
import { isThere, writeNewFile, writeText } from '../sys/file.js'

/** Its own way out: the policy of a gateway, ports that become ports of the host. */
export type OwnNetwork = GatewayOptions & Pick<AttachOptions, 'publish'>

/** A way out that several sandboxes share, which then reach each other by `name` if the policy allows it. */
export type SharedNetwork = AttachOptions & { readonly gateway: Gateway }

/** A network of the host that plugins make (CNI), by its name: `cni: 'NAME'`, as root. */
export type PluginNetwork = Omit<CniOptions, 'name'> & {
  readonly cni: string
  /** Default none. */
  readonly publish?: readonly CniPort[]
}

/** `none`: a loopback of its own; `host`: the host's network; else what the policy of a gateway allows, or a network of the host. */
export type SandboxNetwork = 'none' | 'host' | OwnNetwork | SharedNetwork | PluginNetwork

export interface OpenNetwork {
  readonly isHost: boolean
  /** For `create`; null: nothing. */
  readonly options: NetworkOptions | null
  /** It gets an /etc/resolv.conf, which `attach` writes. */
  readonly hasResolver: boolean
  /** Once the container is there; null if it has no gateway. `path` is that of its box, where it is noted what has to be removed. */
  attach(container: Container, path: string, signal?: AbortSignal): Promise<NetworkAttachment | null>
  /** Addresses of its own, with the lengths of their prefixes. */
  addresses(): readonly string[]
  /** null: there is nothing to be removed before the container is. */
  readonly detach: (() => Promise<void>) | null
  /** What its gateway has refused a container, each once, with how often. */
  denials(container: string): readonly Denial[]
  close(): void
}

const NONE: OpenNetwork = {
  ...{ isHost: false, hasResolver: false, options: null, detach: null },
  ...{ attach: async () => null, addresses: () => [], denials: () => [], close: () => {} },
}

/** @throws {ConfigError} naming the option or the entry of the policy */
export function openSandboxNetwork(network: SandboxNetwork): OpenNetwork {
  if (network === 'none') return NONE
  if (network === 'host') return { ...NONE, isHost: true }
  if (typeof network !== 'object' || network === null)
    throw optionError({ option: 'network', expected: '"none", "host" or an object', received: network })
  const { publish } = network
  if (publish !== undefined && !(Array.isArray(publish) && publish.every(isObject)))
    throw optionError({ option: 'network.publish', expected: 'an array of objects', received: publish })
  if ('cni' in network) return ofPlugins(network)
  return 'gateway' in network ? shared(network) : own(network)
}

function shared({ gateway, ...options }: SharedNetwork): OpenNetwork {
  if (!hasFunction(gateway, 'attach'))
    throw optionError({
      option: 'network.gateway',
      expected: 'a gateway, as createGateway() returns it',
      received: gateway,
    })
  return {
    ...NONE,
    options: gateway.network,
    attach: container => gateway.attach(container, options),
    denials: container => gateway.denials.filter(denial => denial.container === container),
  }
}

function own({ publish, ...policy }: OwnNetwork): OpenNetwork {
  const gateway = createGateway(policy)
  return {
    ...NONE,
    options: gateway.network,
    attach: container => gateway.attach(container, publish === undefined ? {} : { publish }),
    denials: () => gateway.denials,
    close: () => gateway.close(),
  }
}

const RECORD = 'cni'
const RESOLVER = 'resolv.conf'

/** What a box of such a sandbox has in addition; empty until it is attached. */
export function makeResolver(path: string): string {
  writeNewFile(`${path}/${RESOLVER}`, '', 0o644)
  return `${path}/${RESOLVER}`
}

/** In the box of a sandbox that is gone. @throws as `removeCni` */
export const removeNetwork = (path: string): Promise<void> => removeCni(`${path}/${RECORD}`)

/** True if the box still knows of something that is to be removed. */
export const hasNetworkLeft = (path: string): boolean => isThere(`${path}/${RECORD}`)

function ofPlugins({ cni, publish = [], ...given }: PluginNetwork): OpenNetwork {
  refuseOtherNames('network.', given, ['configDirectories', 'pluginDirectories'])
  const network = openCni({ ...given, name: cni })
  network.capabilitiesOf(publish)
  let attachment: CniAttachment | null = null
  return {
    ...{ ...NONE, hasResolver: true },
    attach: async (container, path, signal) => {
      const options = { record: `${path}/${RECORD}`, publish, ...(signal !== undefined && { signal }) }
      attachment = await network.attach(container, options)
      // In place: the sandbox has this very file.
      writeText(`${path}/${RESOLVER}`, resolverText(attachment.result.dns))
      return null
    },
    addresses: () => attachment?.result.addresses.map(({ address }) => address) ?? [],
    detach: async () => attachment?.remove(),
  }
}
