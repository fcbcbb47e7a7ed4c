/** Published ports: servers on the host whose connections go to a container. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { optionError } from '../config/option.js'
import type { ContainerNetwork } from '../index.js'
import { pump, reset, type Traffic } from './pump.js'

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
  readonly traffic: Readonly<Traffic>
  close(): void
}

/** @throws {ConfigError} for what is no port; the error of listen(2), such as EADDRINUSE */
export async function publish(network: ContainerNetwork, options: PublishOptions): Promise<PublishedPort> {
  const { port, hostPort = 0, hostAddress = '127.0.0.1' } = options
  checkPort('publish.port', port, 1)
  checkPort('publish.hostPort', hostPort, 0)
  const traffic: Traffic = { sent: 0, received: 0 }
  const sockets = new Set<Socket>()
  const abort = new AbortController()
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    void passOn({ socket, network, port, traffic, signal: abort.signal })
  })
  server.listen({ port: hostPort, host: hostAddress })
  await once(server, 'listening')
  server.on('error', () => {}).unref()
  const address = server.address()
  const found = typeof address === 'object' && address !== null ? address.port : hostPort
  const close = (): void => {
    abort.abort()
    server.close()
    for (const socket of sockets) reset(socket)
  }
  return { published: { port, hostPort: found, hostAddress }, traffic, close }
}

function checkPort(option: string, port: unknown, least: number): void {
  if (typeof port === 'number' && Number.isInteger(port) && port >= least && port < 65536) return
  throw optionError({ option, expected: `a number from ${least} to 65535`, received: port })
}

interface Passed {
  readonly socket: Socket
  readonly network: ContainerNetwork
  readonly port: number
  readonly traffic: Traffic
  readonly signal: AbortSignal
}

async function passOn({ socket, network, port, traffic, signal }: Passed): Promise<void> {
  try {
    const inside = (await network.connect({ port, signal })) as Socket
    inside.on('error', () => {})
    if (socket.destroyed) reset(inside)
    else await pump({ inside, outside: socket, traffic })
  } catch {
    // Nobody listens there, or the container has ended.
    reset(socket)
  }
}
