/** The servers of a container, each at one address and port of its network namespace. */
import { createServer, type Server, type Socket } from 'node:net'
import type { ContainerNetwork } from '../index.js'

export interface ListeningPlace {
  readonly address: string
  readonly port: number
}

export interface Listening {
  /** Resolves when there is a server at each of the places. @throws as `ContainerNetwork.listen` */
  open(places: readonly ListeningPlace[]): Promise<void>
  close(places: readonly ListeningPlace[]): void
  closeAll(): void
}

/** All addresses of the place's family. */
const anyOf = ({ address }: ListeningPlace): string => (address.includes(':') ? '::' : '0.0.0.0')

const keyOf = ({ address, port }: ListeningPlace): string => `${address} ${port}`

/** `accept` gets connections that are not read yet. */
export function listeningIn(
  network: ContainerNetwork,
  accept: (socket: Socket, place: ListeningPlace) => void,
): Listening {
  const servers = new Map<string, Promise<Server | null>>()
  let isOpen = true
  const serve = (fd: number, place: ListeningPlace): Server => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, socket =>
      accept(socket, place),
    )
    // What accept(2) fails with is over by the next connection.
    server.on('error', () => {})
    server.listen({ fd })
    return server.unref()
  }
  const begin = (missing: readonly ListeningPlace[]): void => {
    const opened = network.listen(...missing)
    missing.forEach((place, at) => {
      const server = opened.then(listeners => {
        const listener = listeners[at]
        if (listener === undefined || isOpen) return listener === undefined ? null : serve(listener.take(), place)
        listener.close()
        return null
      })
      servers.set(keyOf(place), server)
      server.catch(() => servers.delete(keyOf(place)))
    })
  }
  // The kernel takes a port at all addresses, or at single ones.
  const serverOf = (place: ListeningPlace): Promise<Server | null> | undefined =>
    servers.get(keyOf({ ...place, address: anyOf(place) })) ?? servers.get(keyOf(place))
  const makeRoom = (places: readonly ListeningPlace[]): void => {
    const wide = places.filter(place => place.address === anyOf(place))
    for (const { port, address } of wide) {
      const isSame = (key: string): boolean => key.endsWith(` ${port}`) && key.includes(':') === address.includes(':')
      for (const key of [...servers.keys()].filter(isSame)) if (key !== keyOf({ address, port })) drop(key)
    }
  }
  const open = async (places: readonly ListeningPlace[]): Promise<void> => {
    makeRoom(places)
    const missing = places.filter(place => serverOf(place) === undefined)
    if (missing.length > 0) begin(missing)
    await Promise.all(places.map(serverOf))
  }
  const drop = (key: string): void => {
    const server = servers.get(key)
    servers.delete(key)
    void server?.then(found => found?.close()).catch(() => {})
  }
  const closeAll = (): void => {
    isOpen = false
    for (const key of servers.keys()) drop(key)
  }
  return { open, close: places => places.map(keyOf).forEach(drop), closeAll }
}
