/** A way out for containers that have none, by a policy of names. */
import { isObject } from '../config/json.js'
import { optionError } from '../config/option.js'
import { CALLBACK, checkShapes, hasFunction, isTexts, type OptionShapes } from '../config/option-shapes.js'
import type { Container, NetworkOptions } from '../index.js'
import { NetworkAttachment } from './attachment.js'
import type { Counts, OnConnect, Rules } from './connections.js'
import { type Denial, type Denials, recordDenials } from './denials.js'
import { sharedLookups } from './lookups.js'
import { canonicalName } from './name-pattern.js'
import { addressesIn, type Lookup, lookupBySystem } from './outside.js'
import { type Policy, type PolicyLists, readPolicy } from './policy.js'
import { type PublishOptions, readPublished } from './publish.js'
import { RESOLVER_V4 } from './virtual-addresses.js'

export interface GatewayOptions extends PolicyLists {
  /**
   * Asked about what neither list names, at `ports`: `allow` or `deny`, also later, for instance by a person. The program waits meanwhile.
   * Default: that is refused. What it throws is a refusal too.
   */
  readonly onConnect?: OnConnect
  /** At which `onConnect` is asked. Default 80 and 443. */
  readonly ports?: readonly number[]
  /** Hears of each refusal once; the rest is counted. */
  readonly onDenied?: (denial: Denial) => void
  /**
   * Addresses of names, in place of those of the DNS; any address is fine, since it is you who names it: `{ 'host.internal': '127.0.0.1' }`.
   * The name has to be allowed as well.
   */
  readonly hosts?: Readonly<Record<string, string | readonly string[]>>
  /** Default: as this machine resolves names (getaddrinfo(3), a thread of libuv's pool for each). */
  readonly lookup?: Lookup
  /** In milliseconds, for each name, with the time that it waits for others: of one container 64 are looked up at a time. Default 10,000. */
  readonly lookupTimeout?: number
  /** In milliseconds, for each address of a name. Default 10,000. */
  readonly connectTimeout?: number
  /** Open connections of one container; more are reset, and told. As many of each port that is published. Default 2048. */
  readonly maxConnections?: number
}

export interface AttachOptions extends PolicyLists {
  /** By which other containers of this gateway reach this one, if their policy allows it: a name without dots. Default none. */
  readonly name?: string
  /** Ports of the container that become ports of the host. Default none. */
  readonly publish?: readonly PublishOptions[]
}

const LISTS: OptionShapes<PolicyLists> = { allow: null, deny: null }
const OPTIONS: OptionShapes<GatewayOptions> = {
  ...{ ...LISTS, onConnect: CALLBACK, ports: null, onDenied: CALLBACK, lookup: CALLBACK },
  ...{ connectTimeout: null, lookupTimeout: null, maxConnections: null },
  hosts: [isObject, 'an object of names with their addresses'],
}
const ATTACH_OPTIONS: OptionShapes<AttachOptions> = { ...LISTS, name: null, publish: null }

/**
 * All traffic of the containers at it goes through this process: no privilege, no device, no proxy variables. A name that is allowed has an
 * address of its own in the container, and what is sent there is sent on to the name.
 */
export class Gateway implements AsyncDisposable {
  /** For `create`: the container asks the gateway for names. */
  readonly network: NetworkOptions = { nameservers: [RESOLVER_V4] }
  readonly #rules: Omit<Rules, 'policy'>
  readonly #asks: readonly number[]
  readonly #denials: Denials
  readonly #attachments = new Map<NetworkAttachment, { readonly name: string | null; readonly follows: boolean }>()
  #lists: Required<PolicyLists>
  #policy: Policy
  #isOpen = true

  /** @throws {ConfigError} ERR_CONFIG_INVALID naming the option or the entry */
  constructor(options: GatewayOptions = {}) {
    checkShapes('', options, OPTIONS)
    const { allow = [], deny = [], ports = [80, 443], onDenied = () => {}, onConnect } = options
    this.#lists = { allow, deny }
    this.#policy = readPolicy(this.#lists)
    this.#asks = checkPorts(ports)
    this.#denials = recordDenials(onDenied)
    this.#rules = {
      ...{ onConnect, hosts: readHosts(options.hosts ?? {}) },
      lookUp: sharedLookups(
        options.lookup ?? lookupBySystem,
        checkNumber('lookupTimeout', options.lookupTimeout ?? 10_000),
      ),
      peer: name => this.#peer(name),
      timeoutMs: checkNumber('connectTimeout', options.connectTimeout ?? 10_000),
      most: checkNumber('maxConnections', options.maxConnections ?? 2048),
    }
  }

  /** What has been refused so far: the last thousand that differ. */
  get denials(): readonly Denial[] {
    for (const attachment of this.attachments) attachment.hear()
    return this.#denials.list()
  }

  get attachments(): readonly NetworkAttachment[] {
    return [...this.#attachments.keys()]
  }

  /** Of all attachments that are open. */
  get counts(): Counts {
    const all = this.attachments.map(({ counts }) => counts)
    const sum = (key: keyof Counts): number => all.reduce((total, one) => total + one[key], 0)
    return { connections: sum('connections'), open: sum('open'), sent: sum('sent'), received: sum('received') }
  }

  /**
   * A container that was created with `gateway.network`, before it is started. `allow` and `deny` are for it alone, in place of the gateway's. It
   * is let go of when the container is deleted.
   * @throws {ConfigError} ERR_CONFIG_UNSUPPORTED without a network namespace of its own; for wrong options; {StateError} for a container
   * that has ended; {SystemError} EADDRINUSE for a port of the host, or of the container, that is taken
   */
  async attach(container: Pick<Container, 'id' | 'network'>, options: AttachOptions = {}): Promise<NetworkAttachment> {
    checkContainer(container)
    checkShapes('', options, ATTACH_OPTIONS)
    if (!this.#isOpen) throw new RangeError('the gateway is closed')
    const { name = null, allow, deny } = options
    const publish = readPublished(options.publish)
    if (name !== null) this.#checkName(name)
    const own = allow === undefined && deny === undefined ? null : readPolicy({ allow: allow ?? [], deny: deny ?? [] })
    const attachment = new NetworkAttachment({
      ...{ container, asks: this.#asks, denials: this.#denials },
      rules: { ...this.#rules, policy: () => own ?? this.#policy },
      closed: gone => void this.#attachments.delete(gone),
    })
    this.#attachments.set(attachment, { name, follows: own === null })
    try {
      await attachment.open(publish)
      return attachment
    } catch (error) {
      attachment.close()
      throw error
    }
  }

  /**
   * Other lists from now on, for the containers without lists of their own. What is left out stays. Connections that are not allowed any more are
   * reset.
   * @throws {ConfigError} and changes nothing; {SystemError} EADDRINUSE if a container has taken a port
   */
  async setPolicy(lists: PolicyLists): Promise<void> {
    checkShapes('', lists, LISTS)
    const { allow = this.#lists.allow, deny = this.#lists.deny } = lists
    const former = this.#policy
    this.#policy = readPolicy({ allow, deny })
    this.#lists = { allow, deny }
    const following = [...this.#attachments].filter(([, { follows }]) => follows)
    await Promise.all(following.map(([attachment]) => attachment.policyHasChanged(former)))
  }

  /** Adds entries. @throws as `setPolicy` */
  async allow(...entries: readonly string[]): Promise<void> {
    await this.setPolicy({ allow: [...this.#lists.allow, ...entries] })
  }

  /** Adds entries. @throws as `setPolicy` */
  async deny(...entries: readonly string[]): Promise<void> {
    await this.setPolicy({ deny: [...this.#lists.deny, ...entries] })
  }

  /** Closes all attachments: their containers can reach nothing any more. */
  close(): void {
    this.#isOpen = false
    for (const attachment of this.attachments) attachment.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #peer(name: string): ReturnType<Rules['peer']> {
    const found = [...this.#attachments].find(([, known]) => known.name === name)
    if (found === undefined) return null
    const [attachment] = found
    return (port, signal) => attachment.connect({ port, signal })
  }

  #checkName(name: string): void {
    const expected =
      'a name of letters, digits and hyphens, in lower case and without dots, that no other container here has'
    const isTaken = [...this.#attachments.values()].some(known => known.name === name)
    if (typeof name !== 'string' || canonicalName(name) !== name || name.includes('.') || isTaken)
      throw optionError({ option: 'name', expected, received: name })
  }
}

function checkContainer(container: Pick<Container, 'id' | 'network'>): void {
  if (isObject(container) && typeof container.id === 'string' && hasFunction(container.network, 'listen')) return
  throw optionError({ option: 'container', expected: 'a container, as create() returns it', received: container })
}

function checkPorts(ports: readonly number[]): readonly number[] {
  const isPort = (port: unknown): boolean => Number.isInteger(port) && Number(port) > 0 && Number(port) < 65536
  if (Array.isArray(ports) && ports.every(isPort)) return ports
  throw optionError({ option: 'ports', expected: 'an array of ports', received: ports })
}

function checkNumber(option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw optionError({ option, expected: 'a whole number above 0', received: value })
}

function readHosts(hosts: NonNullable<GatewayOptions['hosts']>): Rules['hosts'] {
  return new Map(
    Object.entries(hosts).map(([text, given]) => {
      const name = canonicalName(text)
      const texts = typeof given === 'string' ? [given] : given
      const addresses = isTexts(texts) ? addressesIn(texts) : []
      if (name === null || addresses.length === 0 || addresses.length < new Set(texts).size)
        throw optionError({
          option: `hosts[${JSON.stringify(text)}]`,
          expected: 'a name with its addresses',
          received: given,
        })
      return [name, addresses]
    }),
  )
}

/** A gateway that has no container yet. @throws {ConfigError} as the constructor of `Gateway` */
export const createGateway = (options: GatewayOptions = {}): Gateway => new Gateway(options)
