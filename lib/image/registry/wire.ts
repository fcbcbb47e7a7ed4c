/** HTTP to registries by the built-in `fetch`: one attempt of one call, with the rules of where it may go. */
import { RegistryError } from '../../errors.js'
import { after } from '../../sys/timer.js'

export interface Wire {
  readonly fetch: typeof fetch
  /** Hosts (with their port) that may be spoken to in plain HTTP. */
  readonly insecure: readonly string[]
  /** After so many milliseconds in which nothing has come the attempt has failed. */
  readonly idleMs: number
}

export interface WireCall {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Goes to the origin of `url` only, never along with a redirect to another one. */
  readonly authorization?: string | undefined
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal | undefined
}

/** Worth another attempt, not before `waitMs` if that is known. */
export class Transient extends Error {
  override readonly name = 'Transient'
  readonly waitMs: number | null
  /** Of HTTP; null: there was no answer. */
  readonly status: number | null

  constructor(
    message: string,
    { waitMs = null, status = null, cause }: { waitMs?: number | null; status?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.waitMs = waitMs
    this.status = status
  }
}

/** An answer, whose body has to be read or discarded. */
export interface Answer {
  readonly status: number
  /** Where it came from in the end. */
  readonly url: URL
  header(name: string): string | null
  /** The body as it comes. To stop early ends the connection. @throws {Transient} */
  chunks(): AsyncGenerator<Uint8Array>
  /** @throws {Transient|RegistryError} the latter above `limit` bytes */
  bytes(limit: number): Promise<Uint8Array>
  discard(): Promise<void>
}

const MOST_REDIRECTS = 5
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
const USER_AGENT = 'tsrun'

export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)

/** @throws {RegistryError} ERR_REGISTRY_INSECURE for plain HTTP that nobody has allowed, ERR_REGISTRY_RESPONSE for no HTTP at all */
export function checkPlace(wire: Pick<Wire, 'insecure'>, url: URL): void {
  const fields = { registry: url.host }
  if (url.protocol === 'https:') return
  if (url.protocol !== 'http:') {
    throw new RegistryError('ERR_REGISTRY_RESPONSE', `${url.host}: ${url.protocol} is not spoken here`, fields)
  }
  if (isLoopback(url) || wire.insecure.includes(url.host)) return
  const remedy = `name ${url.host} in "insecure" if you trust everything between here and there`
  throw new RegistryError('ERR_REGISTRY_INSECURE', `${url.host} wants plain HTTP`, { ...fields, remedy })
}

/** Where an answer leads: never from encryption to plain text, and never from elsewhere to a service of this machine. */
function placeAfter(wire: Wire, from: URL, location: string): URL {
  const fields = { registry: from.host }
  if (!URL.canParse(location, from.href)) {
    throw new RegistryError('ERR_REGISTRY_RESPONSE', `${from.host} redirects to what is no URL`, fields)
  }
  const to = new URL(location, from)
  checkPlace(wire, to)
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new RegistryError(
      'ERR_REGISTRY_INSECURE',
      `${from.host} redirects from HTTPS to plain HTTP (${to.host})`,
      fields,
    )
  }
  if (isLoopback(to) && !isLoopback(from)) {
    throw new RegistryError('ERR_REGISTRY_INSECURE', `${from.host} redirects to this machine (${to.host})`, fields)
  }
  return to
}

/**
 * One attempt. GET and HEAD follow redirects.
 * @throws {Transient} if there was no answer; {RegistryError}; the reason of the call's signal
 */
export async function send(wire: Wire, call: WireCall): Promise<Answer> {
  checkPlace(wire, call.url)
  const follows = call.method === 'GET' || call.method === 'HEAD'
  let { url, authorization } = call
  for (let count = 0; count <= MOST_REDIRECTS; count++) {
    const answer = await sendOnce(wire, { ...call, url, authorization })
    const location = answer.header('location')
    if (!follows || location === null || !REDIRECTS.includes(answer.status)) return answer
    await answer.discard()
    const next = placeAfter(wire, url, location)
    // What is signed for one host is of no use to another one but to harm.
    if (next.origin !== url.origin) authorization = undefined
    url = next
  }
  throw new RegistryError('ERR_REGISTRY_RESPONSE', `${call.url.host} redirects more than ${MOST_REDIRECTS} times`, {
    registry: call.url.host,
  })
}

/** The signal of one attempt: the caller's, and the end of patience. */
interface Patience {
  readonly signal: AbortSignal
  /** Waits for what has to come within the time. @throws {Transient} */
  within<T>(promise: Promise<T>): Promise<T>
  end(): void
}

function patience({ idleMs }: Wire, call: WireCall): Patience {
  const controller = new AbortController()
  const abort = (): void => controller.abort(call.signal?.reason)
  call.signal?.addEventListener('abort', abort, { once: true })
  if (call.signal?.aborted) abort()
  const late = (): void => controller.abort(new Transient(`${call.url.host} said nothing for ${idleMs / 1000} s`))
  return {
    signal: controller.signal,
    within: async promise => {
      const timer = after(idleMs, late)
      try {
        return await promise
      } catch (error) {
        throw controller.signal.aborted ? controller.signal.reason : failureOf(call.url, error)
      } finally {
        timer.stop()
      }
    },
    end: () => call.signal?.removeEventListener('abort', abort),
  }
}

async function sendOnce(wire: Wire, call: WireCall): Promise<Answer> {
  const { method, url, headers = {}, authorization, body } = call
  const patient = patience(wire, call)
  const init = {
    method,
    headers: { 'user-agent': USER_AGENT, ...headers, ...(authorization !== undefined && { authorization }) },
    redirect: 'manual',
    signal: patient.signal,
    ...(body !== undefined && { body, duplex: 'half' }),
  } as const
  try {
    const response = await patient.within(wire.fetch(url, init as object))
    return answerOf(response, url, patient)
  } catch (error) {
    patient.end()
    throw error
  }
}

function answerOf({ status, headers, body }: Response, url: URL, patient: Patience): Answer {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const reader = body?.getReader()
    try {
      while (reader !== undefined) {
        const { done, value } = await patient.within(reader.read())
        if (done) return
        yield value
      }
    } finally {
      patient.end()
      // Of what has failed already there is nothing to cancel.
      await reader?.cancel().catch(() => {})
    }
  }
  return {
    status,
    url,
    header: name => headers.get(name),
    chunks,
    bytes: limit => collectBytes(chunks(), limit, url),
    discard: async () => {
      patient.end()
      await body?.cancel().catch(() => {})
    },
  }
}

async function collectBytes(chunks: AsyncIterable<Uint8Array>, limit: number, { host }: URL): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limit) {
      throw new RegistryError('ERR_REGISTRY_RESPONSE', `${host} answers with more than ${limit} bytes`, {
        registry: host,
      })
    }
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

/** OpenSSL's words for a certificate that is not trusted: another attempt changes nothing. */
const UNTRUSTED = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|HOSTNAME_MISMATCH)/

function failureOf({ host }: URL, error: unknown): Error {
  const { cause } = error as { cause?: { code?: string; message?: string } }
  const code = cause?.code ?? ''
  const why = code !== '' ? code : (cause?.message ?? (error as Error).message)
  if (!UNTRUSTED.test(code)) return new Transient(`${host}: ${why}`, { cause: error })
  const remedy = 'have NODE_EXTRA_CA_CERTS name a file with the certificate of its authority, before Node starts'
  return new RegistryError(
    'ERR_REGISTRY_UNREACHABLE',
    `the certificate of ${host} is not trusted (${code})`,
    { registry: host, remedy },
    { cause: error },
  )
}

/** True if the other end does not speak TLS. */
export const isPlainText = (error: unknown): boolean =>
  error instanceof Transient && /SSL|EPROTO|ECONNRESET|other side closed/.test(error.message)
