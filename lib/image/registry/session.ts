/** Calls to one repository of one registry: authorized as it asks for, and repeated as long as that may help. */
import { RegistryError } from '../../errors.js'
import { readChallenges } from './challenge.js'
import type { FindCredentials } from './credentials.js'
import { withRetries } from './retries.js'
import { askForToken, basicAuthorization, busy, isFresh, type Token } from './tokens.js'
import { type Answer, isLoopback, isPlainText, send, type Wire, type WireCall } from './wire.js'

export interface Endpoint {
  /** What credentials are looked up by, and messages say: `docker.io`. */
  readonly registry: string
  /** Where it is; null: by the registry's name, HTTPS unless that is plainly not spoken by this machine itself. */
  readonly base: URL | null
  readonly repository: string
}

/** A call below `/v2/REPOSITORY/`, or to the URL that an answer before has named. */
export interface SessionCall extends Omit<WireCall, 'url' | 'authorization' | 'body'> {
  readonly path: string | URL
  /** Made anew for each attempt. */
  readonly body?: () => Uint8Array | AsyncIterable<Uint8Array>
  /** Statuses that are no error; default 200. */
  readonly accepts?: readonly number[]
}

export interface Session {
  readonly endpoint: Endpoint
  /** @throws {RegistryError}; the reason of the call's signal; `Transient` only if the call is `once` */
  call(call: SessionCall, options?: { readonly once?: boolean }): Promise<Answer>
}

const HUB_HOST = 'registry-1.docker.io'
const LARGEST_ERROR = 64 * 1024
const TRANSIENT: readonly number[] = [408, 425, 429, 500, 502, 503, 504]

export interface SessionOptions {
  readonly wire: Wire
  readonly endpoint: Endpoint
  /** What is wanted of the repository, and of others, as a token's scope names it: `repository:library/alpine:pull`. */
  readonly scopes: readonly string[]
  readonly credentials: FindCredentials
}

/** What is known of the endpoint, learnt as it is called. */
interface Known {
  base: Promise<URL> | null
  basic: string | null
  token: Promise<Token | null> | null
}

export function openSession(options: SessionOptions): Session {
  const known: Known = { base: null, basic: null, token: null }
  const { endpoint } = options
  const { registry } = endpoint
  return {
    endpoint,
    call: async (call, { once = false } = {}) => {
      const act = (): Promise<Answer> => attempt(options, known, call)
      return once ? act() : withRetries({ registry, signal: call.signal }, act)
    },
  }
}

async function attempt(options: SessionOptions, known: Known, call: SessionCall): Promise<Answer> {
  const first = await sendOne(options, known, call)
  if (first.answer.status !== 401) return accepted(options, call, first)
  await first.answer.discard()
  await authorize({ options, known, ...first, signal: call.signal })
  return accepted(options, call, await sendOne(options, known, call))
}

interface Sent {
  readonly answer: Answer
  /** The authorization that it was sent with. */
  readonly used: string | undefined
}

async function sendOne(options: SessionOptions, known: Known, call: SessionCall): Promise<Sent> {
  const { path, body, method, headers, signal } = call
  const base = await baseOf(options, known, signal)
  const url = path instanceof URL ? path : urlBelow(base, options.endpoint.repository, path)
  // A URL of another host that the registry has named (for an upload) gets nothing of ours.
  const used = url.origin === base.origin ? await authorizationOf(known) : undefined
  const answer = await send(options.wire, {
    ...{ method, url, authorization: used, signal },
    ...(headers !== undefined && { headers }),
    ...(body !== undefined && { body: body() }),
  })
  return { answer, used }
}

const urlBelow = (base: URL, repository: string, path: string): URL =>
  new URL(`${base.pathname.replace(/\/$/, '')}/v2/${repository}/${path}`, base)

async function authorizationOf(known: Known): Promise<string | undefined> {
  if (known.basic !== null) return known.basic
  const token = await known.token
  if (token === null || !isFresh(token)) return undefined
  return token.authorization
}

async function baseOf(options: SessionOptions, known: Known, signal: AbortSignal | undefined): Promise<URL> {
  if (options.endpoint.base !== null) return options.endpoint.base
  known.base ??= findBase(options, signal)
  try {
    return await known.base
  } catch (error) {
    known.base = null
    throw error
  }
}

/** This machine's own registries mostly have no certificate: plain HTTP if TLS is not what is spoken there. */
async function findBase({ wire, endpoint }: SessionOptions, signal: AbortSignal | undefined): Promise<URL> {
  const host = endpoint.registry === 'docker.io' ? HUB_HOST : endpoint.registry
  const [secure, plain] = [new URL(`https://${host}`), new URL(`http://${host}`)]
  if (wire.insecure.includes(host)) return plain
  if (!isLoopback(secure)) return secure
  try {
    const answer = await send(wire, { method: 'GET', url: new URL('/v2/', secure), signal })
    await answer.discard()
    return secure
  } catch (error) {
    if (isPlainText(error)) return plain
    throw error
  }
}

interface Authorizing {
  readonly options: SessionOptions
  readonly known: Known
  /** The answer to a call that was made with `used`. */
  readonly answer: Answer
  readonly used: string | undefined
  readonly signal: AbortSignal | undefined
}

/** Learns what the challenge asks for; calls at the same time share one token. */
async function authorize(authorizing: Authorizing): Promise<void> {
  const { known, used } = authorizing
  for (let seen = known.token; seen !== null; seen = known.token) {
    const token = await seen.catch(() => null)
    // Somebody else has got another one meanwhile.
    if (token !== null && isFresh(token) && token.authorization !== used) return
    if (known.token === seen) break
  }
  const token = renew(authorizing)
  known.token = token
  const forget = (): void => {
    if (known.token === token) known.token = null
  }
  await token.then(given => given === null && forget(), forget)
  await token
}

/** null: it is the password itself that the registry wants. */
async function renew({ options, known, answer, used, signal }: Authorizing): Promise<Token | null> {
  const { wire, scopes, credentials, endpoint } = options
  const login = await credentials(endpoint.registry, signal)
  const challenges = readChallenges(answer.header('www-authenticate') ?? '')
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  if (bearer !== undefined) {
    return askForToken({ wire, challenge: bearer, registry: answer.url, scopes, credentials: login, signal })
  }
  const isBasic = challenges.some(({ scheme }) => scheme === 'basic')
  const basic = login !== null && 'username' in login ? basicAuthorization(login) : null
  if (!isBasic || basic === null || basic === used) throw denied(endpoint.registry, 401, login !== null)
  known.basic = basic
  return null
}

function denied(registry: string, status: number, hasTried: boolean): RegistryError {
  const message = hasTried ? `${registry} refuses the credentials` : `${registry} wants credentials, and there are none`
  const remedy = 'log in (docker login), or give other credentials'
  return new RegistryError('ERR_REGISTRY_AUTH', message, { registry, status, remedy })
}

async function accepted(
  { endpoint: { registry, repository } }: SessionOptions,
  call: SessionCall,
  { answer, used }: Sent,
): Promise<Answer> {
  const { status } = answer
  const { accepts = [200] } = call
  if (accepts.includes(status)) return answer
  if (TRANSIENT.includes(status)) throw await busy(answer)
  const said = saidIn(await answer.bytes(LARGEST_ERROR).catch(() => new Uint8Array()), used)
  const what = `${registry}, ${repository}, ${typeof call.path === 'string' ? call.path : 'an upload'}`
  const fields = { registry, status }
  if (status === 404) throw new RegistryError('ERR_REGISTRY_NOT_FOUND', `${what}: there is none${said}`, fields)
  if (status === 401) throw denied(registry, status, used !== undefined)
  if (status === 403) {
    const remedy = 'log in (docker login) as somebody who may'
    throw new RegistryError('ERR_REGISTRY_AUTH', `${what}: access is denied${said}`, { ...fields, remedy })
  }
  throw new RegistryError('ERR_REGISTRY_RESPONSE', `${what}: ${call.method} is answered with ${status}${said}`, fields)
}

const LONGEST_SAID = 200

/** The codes and messages of distribution-spec's errors: nothing that a terminal would take for a command, and no secret of ours. */
function saidIn(bytes: Uint8Array, used = ''): string {
  try {
    const { errors } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      errors?: { code?: unknown; message?: unknown }[]
    }
    const texts = (errors ?? []).map(({ code, message }) =>
      [code, message].filter(each => typeof each === 'string').join(': '),
    )
    const [, secret = ''] = used.split(' ')
    const open = texts.join('; ')
    const text = (secret === '' ? open : open.replaceAll(secret, '...'))
      .replace(/[^\x20-\x7e]/g, '?')
      .slice(0, LONGEST_SAID)
    return text === '' ? '' : ` (${text})`
  } catch {
    return ''
  }
}
