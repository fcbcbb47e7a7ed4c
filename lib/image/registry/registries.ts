/** Which registries are spoken to, and how. */
import { optionError, readDuration } from '../../config/option.js'
import { RegistryError } from '../../errors.js'
import type { Reference } from '../reference.js'
import { type Credentials, dockerCredentials, type FindCredentials } from './credentials.js'
import { openSession, type Session } from './session.js'
import { checkPlace, type Wire } from './wire.js'

export interface RegistryOptions {
  /**
   * Who one is: by the name of a registry, or a function that finds it. Default: what `docker login` has left on this machine
   * (DOCKER_CONFIG or ~/.docker/config.json, with the helper programs that it names).
   */
  readonly credentials?: Readonly<Record<string, Credentials>> | FindCredentials
  /** Hosts (`HOST:PORT`) that may be spoken to in plain HTTP. Those of this machine may in any case. Default none. */
  readonly insecure?: readonly string[]
  /** For a registry, the URLs of others that are asked first when something is pulled from it. Default none. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>
  /** In place of the built-in `fetch`: one with a proxy, certificates or authorities of its own. */
  readonly fetch?: typeof fetch
  /** Milliseconds in which nothing comes, after which a connection is given up. Default 60,000. */
  readonly idleTimeout?: number
}

export interface Registries {
  /** To read a repository: its mirrors, and at the end the registry itself. */
  readers(reference: Reference): readonly Session[]
  /** To write to a repository, and to take blobs from others of the same registry. */
  writer(reference: Reference, others: readonly string[]): Session
}

const IDLE_MS = 60_000

/** @throws {ConfigError} ERR_CONFIG_INVALID; {RegistryError} for a mirror that is no URL, or in plain HTTP */
export function openRegistries(options: RegistryOptions = {}): Registries {
  const { insecure = [], mirrors = {}, credentials = dockerCredentials } = options
  const wire: Wire = {
    fetch: options.fetch ?? fetch,
    insecure,
    idleMs: readDuration({ option: 'idleTimeout', value: options.idleTimeout, otherwise: IDLE_MS }),
  }
  const find: FindCredentials =
    typeof credentials === 'function' ? credentials : async registry => known(credentials, registry)
  const bases = new Map(Object.entries(mirrors).map(([domain, urls]) => [domain, urls.map(url => mirrorOf(wire, url))]))
  const open = (
    registry: string,
    repository: string,
    { base = null, scopes }: { base?: URL | null; scopes: readonly string[] },
  ): Session => openSession({ wire, credentials: find, scopes, endpoint: { registry, base, repository } })
  return {
    readers: ({ domain, repository }) => {
      const scopes = [`repository:${repository}:pull`]
      const others = (bases.get(domain) ?? []).map(base => open(base.host, repository, { base, scopes }))
      return [...others, open(domain, repository, { scopes })]
    },
    writer: ({ domain, repository }, others) => {
      const scopes = [`repository:${repository}:pull,push`, ...others.map(other => `repository:${other}:pull`)]
      return open(domain, repository, { scopes })
    },
  }
}

const known = (credentials: Readonly<Record<string, Credentials>>, registry: string): Credentials | null =>
  (Object.hasOwn(credentials, registry) ? credentials[registry] : undefined) ?? null

function mirrorOf(wire: Wire, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.username !== '' || url.search !== '') {
    throw optionError({ option: 'mirrors', expected: 'URLs without a name, a password or a query', received: text })
  }
  checkPlace(wire, url)
  return url
}

/** What the first of the sessions gives that does not fail; the failure of the last one, the registry itself. */
export async function firstOf<T>(sessions: readonly Session[], act: (session: Session) => Promise<T>): Promise<T> {
  const [session, ...others] = sessions
  if (session === undefined) throw new Error('there is no registry to ask')
  try {
    return await act(session)
  } catch (error) {
    if (others.length === 0 || !(error instanceof RegistryError)) throw error
    return firstOf(others, act)
  }
}
