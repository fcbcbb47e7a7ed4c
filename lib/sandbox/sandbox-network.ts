/** What a sandbox may reach, and who may reach it. */
import { optionError } from '../config/option.js'
import type { Container, NetworkOptions } from '../index.js'
import {
  type AttachOptions,
  createGateway,
  type Denial,
  type Gateway,
  type GatewayOptions,
  type NetworkAttachment,
} from '../network/index.js'

/** Its own way out: the policy of a gateway, ports that become ports of the host. */
export type OwnNetwork = GatewayOptions & Pick<AttachOptions, 'publish'>

/** A way out that several sandboxes share, which then reach each other by `name` if the policy allows it. */
export type SharedNetwork = AttachOptions & { readonly gateway: Gateway }

/** `none`: a loopback of its own; `host`: the host's network; else what the policy of a gateway allows. */
export type SandboxNetwork = 'none' | 'host' | OwnNetwork | SharedNetwork

export interface OpenNetwork {
  readonly isHost: boolean
  /** For `create`; null: nothing. */
  readonly options: NetworkOptions | null
  /** Once the container is there; null if it has no gateway. */
  attach(container: Container): Promise<NetworkAttachment | null>
  /** What its gateway has refused a container, each once, with how often. */
  denials(container: string): readonly Denial[]
  close(): void
}

const NONE: OpenNetwork = { isHost: false, options: null, attach: async () => null, denials: () => [], close: () => {} }

/** @throws {ConfigError} naming the option or the entry of the policy */
export function openSandboxNetwork(network: SandboxNetwork): OpenNetwork {
  if (network === 'none') return NONE
  if (network === 'host') return { ...NONE, isHost: true }
  if (typeof network !== 'object' || network === null)
    throw optionError({ option: 'network', expected: '"none", "host" or an object', received: network })
  return 'gateway' in network ? shared(network) : own(network)
}

function shared({ gateway, ...options }: SharedNetwork): OpenNetwork {
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
    ...{ isHost: false, options: gateway.network },
    attach: container => gateway.attach(container, publish === undefined ? {} : { publish }),
    denials: () => gateway.denials,
    close: () => gateway.close(),
  }
}
