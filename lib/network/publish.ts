/** Published ports: servers on the host whose connections go to a container. */
import { optionError } from '../config/option.js'
import type { ContainerNetwork } from '../index.js'
import { listenInet } from '../sys/inet.js'
import { parseIp } from '../sys/ip-address.js'
import { type RelayedConnection, serveByRelay } from '../sys/relay.js'
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

/** @throws {ConfigError} for what is no port, or no address; {SystemError} such as EADDRINUSE */
export async function publish(network: ContainerNetwork, options: PublishOptions): Promise<PublishedPort> {
  const { port, hostPort = 0, hostAddress = '127.0.0.1' } = options
  checkPort('publish.port', port, 1)
  checkPort('publish.hostPort', hostPort, 0)
  const { fd, port: found } = listenInet({ address: await addressOf(hostAddress), port: hostPort })
  const open = new Set<RelayedConnection>()
  const abort = new AbortController()
  const server = serveByRelay(fd, connection => {
    open.add(connection)
    void connection.closed.then(() => open.delete(connection))
    void passOn(connection, () => network.connectDescriptor({ port, signal: abort.signal }))
  })
  const close = (): void => {
    abort.abort()
    server.close()
    for (const connection of open) connection.reset()
  }
  return { published: { port, hostPort: found, hostAddress }, close }
}

async function addressOf(name: unknown): Promise<string> {
  const wrong = () => optionError({ option: 'publish.hostAddress', expected: 'an address, or a name', received: name })
  if (typeof name !== 'string' || name === '') throw wrong()
  if (parseIp(name) !== null) return name
  const [found] = await lookupBySystem(name, { signal: new AbortController().signal })
  if (found === undefined) throw wrong()
  return found
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
