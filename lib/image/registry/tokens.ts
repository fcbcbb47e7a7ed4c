/** Tokens of registries: asked of the service that a challenge names (distribution-spec's token authentication). */
import { RegistryError } from '../../errors.js'
import { monotonicMs } from '../../sys/self.js'
import type { Challenge } from './challenge.js'
import type { Credentials } from './credentials.js'
import { readRetryAfter, withRetries } from './retries.js'
import { type Answer, checkPlace, isLoopback, send, Transient, type Wire, type WireCall } from './wire.js'

export interface Token {
  readonly authorization: string
  /** In milliseconds of `monotonicMs`. */
  readonly endsAt: number
}

const LARGEST_ANSWER = 64 * 1024
/** If the service does not say how long it is good (distribution-spec). */
const DEFAULT_SECONDS = 60
/** A token is not used up to its very end. */
const MARGIN_MS = 5000

export const basicAuthorization = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

export const isFresh = ({ endsAt }: Token): boolean => monotonicMs() < endsAt

interface Wanted {
  readonly wire: Wire
  readonly challenge: Challenge
  /** Where the challenge came from. */
  readonly registry: URL
  readonly scopes: readonly string[]
  readonly credentials: Credentials | null
  readonly signal: AbortSignal | undefined
}

/** @throws {RegistryError} ERR_REGISTRY_AUTH, and as any call */
export async function askForToken(wanted: Wanted): Promise<Token> {
  const realm = realmOf(wanted)
  return withRetries({ registry: realm.host, signal: wanted.signal }, async () => {
    const answer = await send(wanted.wire, tokenCall(wanted, realm))
    if (answer.status === 429 || answer.status >= 500) throw await busy(answer)
    if (answer.status !== 200) {
      await answer.discard()
      throw refusedToken(wanted, realm, answer.status)
    }
    return readToken(await answer.bytes(LARGEST_ANSWER), realm)
  })
}

/** The service may be anywhere, but not on this machine if the registry is not, and not in plain text. */
function realmOf({ wire, challenge, registry }: Wanted): URL {
  const realm = challenge.parameters.get('realm') ?? ''
  const fields = { registry: registry.host }
  if (!URL.canParse(realm)) {
    throw new RegistryError('ERR_REGISTRY_RESPONSE', `${registry.host} names no service for tokens`, fields)
  }
  const url = new URL(realm)
  checkPlace(wire, url)
  if (!isLoopback(url) || isLoopback(registry)) return url
  throw new RegistryError(
    'ERR_REGISTRY_INSECURE',
    `${registry.host} wants a token of this machine (${url.host})`,
    fields,
  )
}

function tokenCall({ challenge, scopes, credentials, signal }: Wanted, realm: URL): WireCall {
  const service = challenge.parameters.get('service')
  const fields = new URLSearchParams({ ...(service !== undefined && { service }) })
  if (credentials !== null && 'identityToken' in credentials) {
    const grant = { grant_type: 'refresh_token', client_id: 'tsrun', refresh_token: credentials.identityToken }
    for (const [name, value] of Object.entries({ ...grant, scope: scopes.join(' ') })) fields.set(name, value)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { method: 'POST', url: realm, headers, body: Buffer.from(fields.toString()), signal }
  }
  const url = new URL(realm)
  for (const [name, value] of fields) url.searchParams.set(name, value)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (credentials === null) return { method: 'GET', url, signal }
  return { method: 'GET', url, authorization: basicAuthorization(credentials), signal }
}

/** An answer that asks for patience. */
export async function busy(answer: Answer): Promise<Transient> {
  const { status, url } = answer
  await answer.discard()
  return new Transient(`${url.host} answers ${status}`, {
    status,
    waitMs: readRetryAfter(answer.header('retry-after')),
  })
}

function refusedToken({ registry, credentials }: Wanted, realm: URL, status: number): RegistryError {
  const who = credentials === null ? 'without credentials' : 'with these credentials'
  return new RegistryError(
    'ERR_REGISTRY_AUTH',
    `${realm.host} gives no token for ${registry.host} ${who} (${status})`,
    {
      registry: registry.host,
      status,
      remedy: 'log in (docker login), or give other credentials',
    },
  )
}

function readToken(bytes: Uint8Array, { host }: URL): Token {
  const { token, seconds } = parseToken(bytes)
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new RegistryError('ERR_REGISTRY_RESPONSE', `${host} answers with no token`, { registry: host })
  }
  const life = typeof seconds === 'number' && seconds > 0 ? seconds : DEFAULT_SECONDS
  return { authorization: `Bearer ${token}`, endsAt: monotonicMs() + Math.max(life * 1000 - MARGIN_MS, MARGIN_MS) }
}

function parseToken(bytes: Uint8Array): { token?: unknown; seconds?: unknown } {
  try {
    const { token, access_token: access, expires_in: seconds } = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return { token: token ?? access, seconds }
  } catch {
    return {}
  }
}
