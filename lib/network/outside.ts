/** Connections to the world outside: names are resolved, what they resolve to is looked at, and that very address is connected to. */
import { lookup as systemLookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import { formatIp, parseIp } from '../sys/ip-address.js'

/** The addresses of a name, as texts. Default: those of the system (getaddrinfo(3)). */
export type Lookup = (name: string, options: { readonly signal: AbortSignal }) => Promise<readonly string[]>

export const lookupBySystem: Lookup = async name => {
  const found = await systemLookup(name, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}

/** Asks once for all who want to know the same at the same time. */
export function sharedLookup(lookup: Lookup): Lookup {
  const running = new Map<string, Promise<readonly string[]>>()
  return (name, options) => {
    const known = running.get(name)
    if (known !== undefined) return known
    const asked = Promise.resolve(lookup(name, options)).finally(() => running.delete(name))
    running.set(name, asked)
    return asked
  }
}

/** Each address of the texts once, as bytes; what is no address is left out. */
export function addressesIn(texts: readonly string[]): Uint8Array[] {
  const unique = new Map(texts.flatMap(text => bytesOf(text)).map(bytes => [formatIp(bytes), bytes]))
  return [...unique.values()]
}

function bytesOf(text: string): Uint8Array[] {
  const bytes = parseIp(text)
  return bytes === null ? [] : [bytes]
}

export interface Target {
  /** Tried in this order. */
  readonly addresses: readonly Uint8Array[]
  readonly port: number
  /** For each address. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** A connection that is not read yet, or null if none of the addresses takes one. */
export async function connectOutside({ addresses, port, timeoutMs, signal }: Target): Promise<Socket | null> {
  for (const address of addresses) {
    const socket = await connectTo({ host: formatIp(address), port, timeoutMs, signal })
    if (socket !== null || signal.aborted) return socket
  }
  return null
}

interface One extends Omit<Target, 'addresses'> {
  readonly host: string
}

function connectTo({ host, port, timeoutMs, signal }: One): Promise<Socket | null> {
  return new Promise(resolve => {
    // An address is not looked up again.
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const settle = (result: Socket | null): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', fail)
      socket.removeListener('error', fail)
      socket.removeListener('connect', succeed)
      if (result === null) socket.on('error', () => {}).destroy()
      resolve(result)
    }
    const fail = (): void => settle(null)
    const succeed = (): void => settle(socket)
    const timer = setTimeout(fail, timeoutMs)
    socket.once('error', fail)
    socket.once('connect', succeed)
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail, { once: true })
  })
}
