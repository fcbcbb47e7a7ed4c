import type { Socket } from 'node:net'
import { builtin } from './builtin.js'

interface Directions {
  readonly readable: boolean
  readonly writable: boolean
}

/** A stream of Node over a pipe, a socket or a terminal; takes over the descriptor. Loads node:net, which takes milliseconds. */
export function streamOver(fd: number, directions: Directions): Socket {
  const net = builtin('node:net') as typeof import('node:net')
  return new net.Socket({ fd, ...directions })
}
