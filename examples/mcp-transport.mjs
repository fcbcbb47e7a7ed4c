/**
 * An MCP server that nobody trusts, in a sandbox: a transport as those of the protocol's SDK (`await client.connect(sandboxTransport(box, ['server']))`), with
 * the messages of its `StdioClientTransport`. The server has the files and the network of the sandbox, and nothing else.
 */
import { StringDecoder } from 'node:string_decoder'

/** Characters; no message of a server may be longer. */
const LONGEST = 4 * 1024 * 1024

export function sandboxTransport(box, command) {
  let server
  const transport = { onmessage: undefined, onerror: undefined, onclose: undefined }
  const read = line => {
    try {
      transport.onmessage?.(JSON.parse(line))
    } catch (error) {
      transport.onerror?.(error)
    }
  }
  const listen = () => {
    const text = new StringDecoder('utf8')
    let rest = ''
    server.stdout.on('data', chunk => {
      const lines = (rest + text.write(chunk)).split('\n')
      rest = lines.pop()
      for (const line of lines) if (line.trim() !== '') read(line)
      if (rest.length <= LONGEST) return
      transport.onerror?.(new Error('the server says no end of a line'))
      void transport.close()
    })
    server.stdin.on('error', error => transport.onerror?.(error))
    server.once('error', error => transport.onerror?.(error))
    server.once('close', () => transport.onclose?.())
  }
  transport.start = () =>
    new Promise((resolve, reject) => {
      const [program, ...args] = command
      server = box.spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      server.once('spawn', resolve)
      server.once('error', reject)
      listen()
    })
  transport.send = message =>
    new Promise((resolve, reject) => {
      server.stdin.write(`${JSON.stringify(message)}\n`, error => (error ? reject(error) : resolve()))
    })
  transport.close = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const closed = new Promise(resolve => server.once('close', resolve))
    server.kill('SIGKILL')
    await closed
  }
  return transport
}
