/** A container at a gateway. */
import { StateError } from '../errors.js'
import type { ConnectOptions, Container, ContainerNetwork } from '../index.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import type { InetAddress } from '../sys/inet.js'
import { formatIp, parseIp } from '../sys/ip-address.js'
import type { RefusedTraffic } from '../sys/refusals.js'
import { type Arrived, hearRelay, type RelayedConnection } from '../sys/relay.js'
import { type Connection, Connections, type Counts, type Destination, type Rules } from './connections.js'
import type { Denials } from './denials.js'
import { CODE, type DnsAnswer, type Question, TYPE } from './dns-message.js'
import { type DnsServer, serveDatagrams, serveStreams } from './dns-server.js'
import { type Listening, type ListeningPlace, listeningIn } from './listening.js'
import { canonicalName } from './name-pattern.js'
import type { Policy } from './policy.js'
import { type Published, type PublishedPort, type PublishOptions, publish, readPublish } from './publish.js'
import { isLoopbackAddress } from './refused-addresses.js'
import { type Refusals, tellRefusals } from './refused-traffic.js'
import {
  RESOLVER_V4,
  RESOLVER_V6,
  textsOf,
  type VirtualHost,
  type VirtualHosts,
  virtualHosts,
} from './virtual-addresses.js'

/** What an attachment is made of. */
export interface Attached {
  readonly container: Pick<Container, 'id' | 'network'>
  readonly rules: Rules
  /** Ports at which names are offered to `onConnect`. */
  readonly asks: readonly number[]
  readonly denials: Denials
  readonly closed: (attachment: NetworkAttachment) => void
}

/** Names at a time in one container, and servers for them: one for each address and port of a name. */
const MOST_NAMES = 1024
const MOST_SERVERS = 4096
const DNS_PORT = 53

export class NetworkAttachment implements Disposable {
  /** The container's id. */
  readonly container: string
  readonly #network: ContainerNetwork
  readonly #given: Attached
  readonly #connections: Connections
  readonly #listening: Listening
  readonly #hosts: VirtualHosts
  readonly #resolvers: DnsServer[] = []
  #published: PublishedPort[] = []
  #refusals: Refusals | null = null
  #literals: readonly ListeningPlace[] = []
  /** 4, and 6 if the kernel has it. */
  #families: readonly (4 | 6)[] = [4]
  #isOpen = true

  /** @internal */
  constructor(given: Attached) {
    const { container, rules, denials } = given
    this.#given = given
    this.container = container.id
    this.#network = container.network
    this.#connections = new Connections(rules, container.id, denials.add)
    this.#listening = listeningIn(container.network, {
      most: rules.most,
      refuse: (local, { port }, count) => this.#connections.wereTooMany(this.#wanted(local, port), count),
      accept: (connection, arrived, place) => this.#accept(connection, arrived, place),
      routeOf: place => this.#routeOf(place),
    })
    this.#hosts = virtualHosts({
      most: MOST_NAMES,
      hasRoom: () => this.#listening.count() - this.#literals.length < MOST_SERVERS,
      isIdle: ({ name }) => !this.#connections.isBusy(name),
      forget: host => this.#listening.close(this.#placesOf(host, this.#portsOf(host.name))),
    })
    container.network.whenClosed(() => this.close())
  }

  /** What has been published, with the ports that the kernel has chosen. */
  get published(): readonly Published[] {
    return this.#published.map(({ published }) => published)
  }

  /** The connections that are open. */
  get connections(): readonly Connection[] {
    return this.#connections.list()
  }

  /** Of outgoing connections, and their bytes. */
  get counts(): Counts {
    return this.#connections.counts()
  }

  /** True if the container has IPv6 too: its kernel may lack it. */
  get hasIPv6(): boolean {
    return this.#families.includes(6)
  }

  /** @internal */
  async open(published: readonly Published[]): Promise<void> {
    try {
      await this.#openWith([4, 6])
    } catch (error) {
      if (!lacksV6(error)) throw error
      await this.#openWith([4])
    }
    await this.#openLiterals()
    for (const one of published) this.#published.push(await this.#publish(one))
  }

  /** A port of the container becomes one of the host. @throws as `publish` of `attach` */
  async publish(options: PublishOptions): Promise<Published> {
    const port = await this.#publish(readPublish(options))
    this.#published.push(port)
    if (!this.#isOpen) port.close()
    return port.published
  }

  /** @internal Tells of what the kernel has refused until now, and of what was above the limit. */
  hear(): void {
    this.#refusals?.hear()
    hearRelay()
  }

  /** @internal For another container of the gateway. */
  connect(options: ConnectOptions): Promise<number> {
    return this.#network.connectDescriptor(options)
  }

  /** @internal The policy is another one. */
  async policyHasChanged(former: Policy): Promise<void> {
    this.#listening.routeAgain()
    this.#connections.review()
    try {
      await this.#openAgain(former)
    } catch (error) {
      // It has ended, and there is nobody who would connect.
      if (!(error instanceof StateError)) throw error
    }
  }

  async #openAgain(former: Policy): Promise<void> {
    await this.#openLiterals()
    for (const host of this.#hosts.all()) {
      const ports = this.#portsOf(host.name)
      const gone = former.portsOf(host.name).filter(port => !ports.includes(port))
      this.#listening.close(this.#placesOf(host, gone))
      await this.#listening.open(this.#placesOf(host, ports))
    }
  }

  /** The container can reach nothing any more, and nobody the container; connections are reset. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#listening.closeAll()
    this.#closeOwn()
    for (const port of this.#published) port.close()
    this.#connections.close()
    this.#given.closed(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** At the same time: one helper makes all sockets that it takes. */
  async #openWith(families: readonly (4 | 6)[]): Promise<void> {
    const answer = (question: Question): Promise<DnsAnswer> => this.#answer(question)
    const protocols = ['udp', 'tcp'] as const
    const all = families.flatMap(family => protocols.map(protocol => ({ family, protocol })))
    const places = all.map(({ family, protocol }) => ({ address: RESOLVERS[family], port: DNS_PORT, protocol }))
    const listening = this.#network.listen(...places)
    const routed = this.#network.addLocal(...families.map(family => LOCAL[family]))
    const refusals = this.#network.listenToRefusals()
    const listeners = await listening.catch(() => [])
    await Promise.all([listening, routed, refusals]).catch(async (error: unknown) => {
      for (const listener of listeners) listener.close()
      await refusals.then(closeFd, () => {})
      throw error
    })
    this.#refusals = tellRefusals(await refusals, refusal => this.#wasRefused(refusal))
    all.forEach(({ family, protocol }, at) => {
      const fd = listeners[at]?.take() ?? -1
      this.#resolvers.push(protocol === 'udp' ? serveDatagrams(fd, family, answer) : serveStreams(fd, answer))
    })
    this.#families = families
    if (!this.#isOpen) this.#closeOwn()
  }

  #publish(wanted: Published): Promise<PublishedPort> {
    return publish({ network: this.#network, wanted, most: this.#given.rules.most })
  }

  #closeOwn(): void {
    for (const resolver of this.#resolvers) resolver.close()
    this.#refusals?.close()
  }

  /** Addresses that the policy names: one by one, and of a prefix the port as a whole. Loopback stays the container's own. */
  async #openLiterals(): Promise<void> {
    const named = this.#given.rules.policy().addresses.filter(({ prefix }) => !isLoopbackAddress(prefix.bytes))
    const possible = named.filter(({ prefix }) => this.#families.includes(prefix.bytes.length === 4 ? 4 : 6))
    const all = possible.flatMap(({ prefix, ports }) => {
      const isOne = prefix.bits === prefix.bytes.length * 8
      const address = isOne ? formatIp(prefix.bytes) : prefix.bytes.length === 4 ? '0.0.0.0' : '::'
      return ports.map(port => ({ address, port }))
    })
    const isIn = (list: readonly ListeningPlace[], { address, port }: ListeningPlace): boolean =>
      list.some(other => other.address === address && other.port === port)
    const isWide = ({ address }: ListeningPlace): boolean => address === '0.0.0.0' || address === '::'
    const isCovered = ({ address, port }: ListeningPlace): boolean =>
      isIn(all, { address: address.includes(':') ? '::' : '0.0.0.0', port })
    const places = all.filter(place => isWide(place) || !isCovered(place))
    this.#listening.close(this.#literals.filter(place => !isIn(places, place)))
    this.#literals = places
    await this.#listening.open(places)
  }

  #portsOf(name: string): readonly number[] {
    const { rules, asks } = this.#given
    const policy = rules.policy()
    const asked = rules.onConnect === undefined ? [] : asks.filter(port => policy.ofName(name, port) === 'unknown')
    return policy.mayAsk(name) ? [...new Set([...policy.portsOf(name), ...asked])] : []
  }

  #placesOf(host: VirtualHost, ports: readonly number[]): readonly ListeningPlace[] {
    const addresses = textsOf(host).slice(0, this.#families.length)
    return addresses.flatMap(address => ports.map(port => ({ address, port })))
  }

  async #answer({ name: asked, type }: Question): Promise<DnsAnswer> {
    const name = canonicalName(asked)
    if (name === null) return NO_SUCH_NAME
    if (name === 'localhost' || name.endsWith('.localhost')) return answerOf(type, LOCALHOST)
    const ports = this.#portsOf(name)
    if (ports.length === 0) return this.#refuse(name)
    const host = this.#hosts.of(name)
    await this.#listening.open(this.#placesOf(host, ports))
    return answerOf(type, host.addresses.slice(0, this.#families.length))
  }

  #refuse(name: string): DnsAnswer {
    // Programs ask for the names of addresses on their own.
    if (!name.endsWith('.arpa')) {
      this.#given.denials.add({ container: this.container, host: name, port: null, reason: 'policy' })
    }
    return NO_SUCH_NAME
  }

  /** By the kernel: there is no such port of a name, or no such address. What the policy allows by now is about to be there. */
  #wasRefused({ protocol, address, port }: RefusedTraffic): void {
    const wanted = this.#wanted(address, port)
    const isOurs = wanted.host === RESOLVER_V4 || wanted.host === RESOLVER_V6
    if (!isOurs) this.#connections.wasRefused(wanted, protocol)
  }

  /** Of a port that is served at all addresses, which one was meant is the connection's own. */
  #accept(connection: RelayedConnection, { local, isRouted }: Arrived, { port }: ListeningPlace): void {
    void this.#connections.accept(connection, this.#wanted(local, port), isRouted)
  }

  #routeOf({ address: text, port }: ListeningPlace): InetAddress | null {
    const address = parseIp(text)
    const isWide = address === null || address.every(byte => byte === 0)
    return isWide ? null : this.#connections.routeOf(this.#wanted(address, port))
  }

  #wanted(address: Uint8Array, port: number): Destination {
    const text = formatIp(address)
    const known = this.#hosts.at(text)
    return known === null ? { host: text, port, address } : { host: known.name, port }
  }
}

/** A kernel without IPv6, or one that is told to go without it (net.ipv6.conf.all.disable_ipv6). */
function lacksV6(error: unknown): boolean {
  if ((error as { errno?: string }).errno === 'EAFNOSUPPORT') return true
  return isErrno(error, 'EOPNOTSUPP', 'EACCES', 'EPERM', 'ENODEV', 'EINVAL') && error.syscall.includes(LOCAL[6])
}

/** All: what nobody listens for is refused at once, and can be told. */
const LOCAL = { 4: '0.0.0.0/0', 6: '::/0' } as const
const RESOLVERS = { 4: RESOLVER_V4, 6: RESOLVER_V6 } as const

const NO_SUCH_NAME: DnsAnswer = { code: CODE.noName, addresses: [] }
const LOCALHOST = ['127.0.0.1', '::1'].map(text => parseIp(text) ?? new Uint8Array(4))

/** A name without addresses of that type is there all the same. */
function answerOf(type: number, addresses: readonly Uint8Array[]): DnsAnswer {
  const wanted = (length: number): boolean => type === TYPE.ANY || type === (length === 4 ? TYPE.A : TYPE.AAAA)
  return { code: CODE.noError, addresses: addresses.filter(({ length }) => wanted(length)) }
}
