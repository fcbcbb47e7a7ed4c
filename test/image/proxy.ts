/** A registry's bad neighbours: a proxy in front of one that cuts, delays, refuses and lies. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Test } from 'tap'

export interface ProxyRule {
  /** Which calls it is about. */
  readonly matches: (method: string, url: string) => boolean
  /** Answers in place of the registry if it returns true. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfter?: (url: string) => number | null
  /** What becomes of the body. */
  readonly change?: (chunk: Buffer) => Buffer
}

export interface TestProxy {
  readonly host: string
  /** `METHOD URL` of what came. */
  readonly calls: string[]
  readonly authorizations: (string | undefined)[]
}

/** Passes on to `target` what no rule is about; until the test ends. */
export async function startProxy(t: Test, target: string, rules: readonly ProxyRule[]): Promise<TestProxy> {
  const [calls, authorizations]: [string[], (string | undefined)[]] = [[], []]
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming
    calls.push(`${method} ${url}`)
    authorizations.push(headers.authorization)
    const rule = rules.find(({ matches }) => matches(method, url))
    if (rule?.answer?.(incoming, outgoing)) return
    forward({ incoming, outgoing, target, rule })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return { host: `127.0.0.1:${address.port}`, calls, authorizations }
}

interface Forwarding {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly target: string
  readonly rule: ProxyRule | undefined
}

function forward({ incoming, outgoing, target, rule }: Forwarding): void {
  const { method, url, headers } = incoming
  const passed = request(`http://${target}${url}`, { method, headers }, answer => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    const limit = rule?.cutAfter?.(url ?? '') ?? Number.POSITIVE_INFINITY
    let sent = 0
    if (limit === 0) outgoing.destroy()
    answer.on('data', (chunk: Buffer) => {
      const changed = rule?.change?.(chunk) ?? chunk
      const part = changed.subarray(0, Math.max(0, limit - sent))
      sent += part.length
      outgoing.write(part, () => {
        if (sent >= limit) outgoing.destroy()
      })
    })
    answer.on('end', () => outgoing.end())
    answer.on('error', () => outgoing.destroy())
  })
  passed.on('error', () => outgoing.destroy())
  incoming.pipe(passed)
}

export const isBlob = (method: string, url: string): boolean => method === 'GET' && /\/blobs\/sha256:/.test(url)
