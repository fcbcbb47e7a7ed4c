/** Containers at a gateway, and servers outside of it, for tests. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Container, Readable } from '../../lib/index.js'
import {
  type AttachOptions,
  createGateway,
  type Gateway,
  type GatewayOptions,
  type NetworkAttachment,
} from '../../lib/network/index.js'
import { makeBundle, type TestBundle } from '../bundle.js'

export interface Inside {
  readonly container: Container
  readonly attachment: NetworkAttachment
  /** Starts it; all that it has written, when it has ended. */
  output(): Promise<string>
}

export interface World {
  readonly gateway: Gateway
  /** A container that runs shell commands with busybox, not started. */
  inside(command: string, options?: AttachOptions): Promise<Inside>
  readonly test: TestBundle
}

let count = 0

export function makeWorld(t: Test, options: GatewayOptions): World {
  const test = makeBundle(t)
  const gateway = createGateway(options)
  t.teardown(() => gateway.close())
  const inside: World['inside'] = async (command, attach) => {
    const { runtime, bundle, id } = test
    const name = id(`box${count++}`)
    test.configure(config => {
      config.linux.cgroupsPath = `/${name}`
      config.process.args = ['/bin/sh', '-c', command]
      config.root = { path: 'rootfs' }
    })
    const container = await runtime.create({ id: name, bundle, network: gateway.network })
    const attachment = await gateway.attach(container, attach)
    return { container, attachment, output: () => outputOf(container) }
  }
  return { gateway, inside, test }
}

async function outputOf(container: Container): Promise<string> {
  const texts = [container.stdout, container.stderr].map(textOf)
  await container.start()
  return (await Promise.all(texts)).join('')
}

export async function textOf(stream: Readable | null): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** A server on loopback, outside; its port. It is closed at the end of the test. */
export async function serve(t: Test, handle: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    handle(socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as { port: number }).port
}

export const openDescriptors = (): number => readdirSync('/proc/self/fd').length
