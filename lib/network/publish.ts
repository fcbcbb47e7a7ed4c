/** Published ports: servers on the host whose connections go to a container. */
import { optionError } from '../config/option.js'
import { checkShapes, isText, type OptionShapes } from '../config/option-shapes.js'
import type { ContainerNetwork } from '../index.js'
import { listenInet } from '../sys/inet.js'
import { parseIp } from '../sys/ip-address.js'
import { type RelayedConnection, relayQuota, serveByRelay } from '../sys/relay.js'
import { lookupBySystem } from './outside.js'

export interface PublishOptions {
  /** Of the container. It is looked for at 127.0.0.1, and then at ::1. */
  readonly port: number
  /** On the host. Default 0: one that is free. */
  readonly hostPort?: number
  /** Of the host. Default `127.0.0.1`: nobody else's machine. */
  readonly hostAddress?: string
}

export type Published = Required<PublishOptions>

export interface PublishedPort {
  readonly published: Published
  close(): void
}

interface Publishing {
  readonly network: ContainerNetwork
  readonly wanted: Published
  /** Open connections; more are reset. */
  readonly most: number
}

/** @throws {ConfigError} for a name of no address; {SystemError} such as EADDRINUSE */
export async function publish({ network, wanted, most }: Publishing): Promise<PublishedPort> {
  const { port, hostPort, hostAddress } = wanted
  const { fd, port: found } = listenInet({ address: await addressOf(hostAddress), port: hostPort })
  const open = new Set<RelayedConnection>()
  const abort = new AbortController()
  const arrived = (connection: RelayedConnection): void => {
    open.add(connection)
    void connection.closed.then(() => open.delete(connection))
    void passOn(connection, () => network.connectDescriptor({ port, signal: abort.signal }))
  }
  const server = serveByRelay(fd, { quota: relayQuota(most), arrived, refused: () => {} })
  const close = (): void => {
    abort.abort()
    server.close()
    for (const connection of open) connection.reset()
  }
  return { published: { port, hostPort: found, hostAddress }, close }
}

/** @throws {ConfigError} naming the option */
export function readPublished(list: readonly PublishOptions[] = []): readonly Published[] {
  if (!Array.isArray(list)) throw optionError({ option: 'publish', expected: 'an array', received: list })
  return list.map((one, index) => readPublish(one, `publish[${index}].`))
}

const SHAPES: OptionShapes<PublishOptions> = {
  ...{ port: null, hostPort: null },
  hostAddress: [isText, 'an address, or a name'],
}

/** @throws {ConfigError} naming the option */
export function readPublish(options: PublishOptions, prefix = 'publish.'): Published {
  checkShapes(prefix, options, SHAPES)
  const { port, hostPort = 0, hostAddress = '127.0.0.1' } = options
  checkPort(`${prefix}port`, port, 1)
  checkPort(`${prefix}hostPort`, hostPort, 0)
  return { port, hostPort, hostAddress }
}

async function addressOf(name: string): Promise<string> {
  if (parseIp(name) !== null) return name
  const [found] = await lookupBySystem(name, { signal: new AbortController().signal }).catch(() => [])
  if (found !== undefined) return found
  const expected = 'an address, or a name that has one'
  throw optionError({ option: 'publish.hostAddress', expected, received: name })
}

function checkPort(option: string, port: unknown, least: number): void {
  if (typeof port === 'number' && Number.isInteger(port) && port >= least && port < 65536) return
  throw optionError({ option, expected: `a number from ${least} to 65535`, received: port })
}

async function passOn(connection: RelayedConnection, connect: () => Promise<number>): Promise<void> {
  try {
    connection.join(await connect())
  } catch {
    // Nobody listens there, or the container has ended.
    connection.reset()
  }
}
