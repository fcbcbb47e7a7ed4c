/** A resolver at sockets that have been made in a container: UDP, and TCP for those who insist. */
import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { CODE, type DnsAnswer, encodeAnswer, parseQuery, type Question } from './dns-message.js'

export type AnswerQuestion = (question: Question) => Promise<DnsAnswer>

export interface DnsServer {
  close(): void
}

/** Queries of one container that are being answered; more are not. Each may wait for a helper that makes sockets. */
const MOST_AT_ONCE = 512

/** Both take over the descriptor. */
export function serveDatagrams(fd: number, family: 4 | 6, answer: AnswerQuestion): DnsServer {
  const socket: DatagramSocket = createSocket({ type: `udp${family}` })
  let open = true
  let busy = 0
  const close = (): void => {
    if (open) socket.close()
    open = false
  }
  socket.on('message', (bytes, from) => {
    if (busy >= MOST_AT_ONCE) return
    busy += 1
    void respond(bytes, answer)
      .then(response => {
        if (open && response !== null) send(socket, response, from)
      })
      .finally(() => {
        busy -= 1
      })
  })
  // Of a program that has gone away: it asks again if it still wants to know.
  socket.on('error', () => {})
  socket.bind({ fd })
  socket.unref()
  return { close }
}

const send = (socket: DatagramSocket, response: Uint8Array, { port, address }: RemoteInfo): void =>
  socket.send(response, port, address, () => {})

/** Null: there is nothing to say. */
async function respond(bytes: Uint8Array, answer: AnswerQuestion): Promise<Uint8Array | null> {
  const query = parseQuery(bytes)
  if (query === null) return null
  const nothing = { addresses: [] }
  if (query.code !== CODE.noError) return encodeAnswer(query, { code: query.code, ...nothing })
  if (!query.question.isInternet) return encodeAnswer(query, { code: CODE.refused, ...nothing })
  try {
    return encodeAnswer(query, await answer(query.question))
  } catch {
    // The container has ended, or there are no sockets to be had: the program is told that it may ask again.
    return encodeAnswer(query, { code: CODE.serverFailure, ...nothing })
  }
}

const MOST_STREAMS = 64
const IDLE_MS = 10_000
const LONGEST = 4096

export function serveStreams(fd: number, answer: AnswerQuestion): DnsServer {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    void answerStream(socket, answer).catch(() => socket.destroy())
  })
  server.maxConnections = MOST_STREAMS
  server.on('error', () => {})
  server.listen({ fd })
  server.unref()
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { close }
}

/**
 * Messages with their length before them, one after the other, and one in a turn of the event loop: a program may send as many as it likes. Who does
 * not read its answers is not asked for more.
 */
async function answerStream(socket: Socket, answer: AnswerQuestion): Promise<void> {
  let buffered: Buffer = Buffer.alloc(0)
  for await (const chunk of socket) {
    buffered = Buffer.concat([buffered, chunk as Buffer])
    for (let end = endOf(buffered); end !== null; end = endOf(buffered)) {
      const response = await respond(buffered.subarray(2, end), answer)
      buffered = buffered.subarray(end)
      if (response === null) return void socket.destroy()
      await write(socket, response)
    }
    if (buffered.length > 2 + LONGEST) return void socket.destroy()
  }
}

async function write(socket: Socket, message: Uint8Array): Promise<void> {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  await new Promise<void>(resolve => socket.write(Buffer.concat([length, message]), () => resolve()))
  await new Promise(resolve => setImmediate(resolve))
}

function endOf(bytes: Buffer): number | null {
  if (bytes.length < 2) return null
  const end = 2 + bytes.readUInt16BE(0)
  return end <= bytes.length ? end : null
}
