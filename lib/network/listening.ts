/** The servers of a container, each at one address and port of its network namespace. */
import type { ContainerNetwork } from '../index.js'
import type { InetAddress } from '../sys/inet.js'
import {
  type Arrived,
  type RelayedConnection,
  type RelayQuota,
  type RelayServer,
  relayQuota,
  serveByRelay,
} from '../sys/relay.js'

export interface ListeningPlace {
  readonly address: string
  readonly port: number
}

export interface Listening {
  /** Resolves when there is a server at each of the places. @throws as `ContainerNetwork.listen` */
  open(places: readonly ListeningPlace[]): Promise<void>
  close(places: readonly ListeningPlace[]): void
  /** How many there are, or are being made. */
  count(): number
  /** Asks again where the connections of each place go. */
  routeAgain(): void
  closeAll(): void
}

/** All addresses of the place's family. */
const anyOf = ({ address }: ListeningPlace): string => (address.includes(':') ? '::' : '0.0.0.0')

const keyOf = ({ address, port }: ListeningPlace): string => `${address} ${port}`

export interface ListeningFor {
  /** Open connections of all places; more are reset. */
  readonly most: number
  accept(connection: RelayedConnection, arrived: Arrived, place: ListeningPlace): void
  /** So many were above `most`; `local` is where they wanted to go. */
  refuse(local: Uint8Array, place: ListeningPlace, count: number): void
  /** Where connections go at once, if that is known before they come; null: `accept` says it. */
  routeOf(place: ListeningPlace): InetAddress | null
}

interface Served {
  readonly server: RelayServer
  readonly place: ListeningPlace
}

interface NewServer {
  readonly fd: number
  readonly place: ListeningPlace
  readonly quota: RelayQuota
}

function serverAt({ fd, place, quota }: NewServer, { accept, refuse, routeOf }: ListeningFor): Served {
  const server = serveByRelay(fd, {
    quota,
    arrived: (connection, arrived) => accept(connection, arrived, place),
    refused: (local, count) => refuse(local, place, count),
  })
  server.route(routeOf(place))
  return { server, place }
}

export function listeningIn(network: ContainerNetwork, given: ListeningFor): Listening {
  const quota = relayQuota(given.most)
  const servers = new Map<string, Promise<Served | null>>()
  /** Those that are given up; one of them may still be about to listen. */
  const closing = new Set<Promise<void>>()
  let isOpen = true
  const serve = (fd: number, place: ListeningPlace): Served => serverAt({ fd, place, quota }, given)
  const begin = (missing: readonly ListeningPlace[]): void => {
    const opened = Promise.all(closing).then(() => network.listen(...missing))
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
  const serverOf = (place: ListeningPlace): Promise<Served | null> | undefined =>
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
    if (!servers.delete(key) || server === undefined) return
    const closed = server.then(
      found => found?.server.close(),
      () => {},
    )
    const gone: Promise<void> = closed.finally(() => closing.delete(gone))
    closing.add(gone)
  }
  const closeAll = (): void => {
    isOpen = false
    for (const key of servers.keys()) drop(key)
  }
  const routeAgain = (): void => {
    for (const served of servers.values())
      void served.then(found => found?.server.route(given.routeOf(found.place))).catch(() => {})
  }
  const close = (places: readonly ListeningPlace[]): void => places.map(keyOf).forEach(drop)
  return { open, routeAgain, close, count: () => servers.size, closeAll }
}
