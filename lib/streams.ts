/** The stream part of the public handle. */
export type { Duplex, Readable, Writable } from 'node:stream'
export { type RawOptions, rawTerminal, type Terminal } from './sys/stream.js'
