/** Two connections as one: what comes from one side goes to the other, and so do the end of a direction, and a reset. */
import type { Socket } from 'node:net'

export interface Traffic {
  /** Bytes that the first side has sent. */
  sent: number
  /** Bytes that it has got. */
  received: number
}

interface Pumped {
  readonly inside: Socket
  readonly outside: Socket
  /** Added to as bytes pass. */
  readonly traffic: Traffic
}

/**
 * Resolves when both are closed. Nothing is read from a side whose bytes the other one does not take: no more than what the two streams hold
 * is in memory. Both must have been made with `allowHalfOpen`.
 */
export function pump({ inside, outside, traffic }: Pumped): Promise<void> {
  const closed = [inside, outside].map(
    socket => new Promise<void>(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve()))),
  )
  direct({ from: inside, to: outside, count: bytes => (traffic.sent += bytes) })
  direct({ from: outside, to: inside, count: bytes => (traffic.received += bytes) })
  return Promise.all(closed).then(() => {})
}

interface Direction {
  readonly from: Socket
  readonly to: Socket
  readonly count: (bytes: number) => void
}

function direct({ from, to, count }: Direction): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk.length)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
  from.on('error', () => reset(to))
  from.on('close', () => {
    // Closed in the middle, by us or by a reset: the other side must not take it for an end.
    if (!from.readableEnded) reset(to)
    else if (!to.writable && to.readableEnded) to.destroy()
  })
  from.resume()
}

/** The other side is told that the connection has failed. */
export function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy()
}
