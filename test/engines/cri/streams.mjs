/**
 * What the kubelet's streaming server (it is part of the engine) sends over a WebSocket. Each message begins with the number of
 * its channel: 0 to 3 are standard input, output, error and how it ended, 4 is the size of the terminal; a forwarded port has a
 * channel for data and one for errors.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'

const TERMINAL_SIZE = 4

const open = async url => {
  const socket = new WebSocket(url, 'v4.channel.k8s.io')
  const channels = new Map()
  socket.on('message', data => {
    const [channel] = data
    channels.set(channel, (channels.get(channel) ?? '') + data.subarray(1).toString('latin1'))
  })
  await once(socket, 'open')
  return { socket, channels, send: (channel, data) => socket.send(Buffer.concat([Buffer.from([channel]), data])) }
}

/** Returns when `channel` has `expected` in what came since the last time. */
async function expect({ socket, channels }, channel, expected) {
  for (;;) {
    const text = channels.get(channel) ?? ''
    const at = text.indexOf(expected)
    if (at >= 0) {
      channels.set(channel, text.slice(at + expected.length))
      return text.slice(0, at + expected.length)
    }
    if (socket.readyState !== WebSocket.OPEN) throw new Error(`ended without ${expected}: ${JSON.stringify(text)}`)
    await Promise.race([once(socket, 'message'), once(socket, 'close')])
  }
}

/**
 * A conversation with a program: each step waits for a text on standard output, then types the next one.
 *
 * @param {string} url
 * @param {{ steps?: [string, string][], size?: { Width: number, Height: number } }} [options]
 * @returns {Promise<{ seen: string, stdout: string, stderr: string, status: unknown }>} `seen` is what came before the last step
 */
export async function converse(url, { steps = [], size } = {}) {
  const stream = await open(url)
  const closed = once(stream.socket, 'close')
  if (size !== undefined) stream.send(TERMINAL_SIZE, Buffer.from(JSON.stringify(size)))
  let seen = ''
  for (const [expected, typed] of steps) {
    seen += await expect(stream, 1, expected)
    stream.send(0, Buffer.from(typed))
  }
  await closed
  const [, stdout, stderr, status] = [0, 1, 2, 3].map(channel => stream.channels.get(channel) ?? '')
  return { seen, stdout, stderr, status: status === '' ? '' : outcome(JSON.parse(status)) }
}

const outcome = ({ status, reason, details }) => ({ status, reason, causes: details?.causes })

/** What a server says to `request` through the forwarded `port`. */
export async function ask(url, { port, request, expected }) {
  const stream = await open(`${url}?port=${port}`)
  const number = Buffer.from([port & 0xff, port >> 8]).toString('latin1')
  for (const channel of [0, 1]) await expect(stream, channel, number)
  stream.send(0, Buffer.from(request))
  const answer = await expect(stream, 0, expected)
  stream.socket.terminate()
  return answer
}
