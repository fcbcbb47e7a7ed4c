/** Names of images, as distribution's reference grammar has them, with Docker's defaults for what is left out. */
import { ImageError } from '../errors.js'
import { isDigest } from './digest.js'

export interface Reference {
  /** The registry's host, with its port if it has one: `docker.io`, `localhost:5000`. */
  readonly domain: string
  /** The repository in the registry: `library/alpine`. */
  readonly repository: string
  /** null if there is a digest and no tag. */
  readonly tag: string | null
  readonly digest: string | null
}

const HOST =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const LONGEST_NAME = 255
const EXPECTED = '[HOST[:PORT]/]NAME[:TAG][@sha256:DIGEST], with NAME in lower case'

/**
 * Reads the name of an image: `alpine` is docker.io/library/alpine:latest, `ghcr.io/x/y@sha256:...` has no tag.
 * @throws {ImageError} ERR_IMAGE_REFERENCE
 */
export function parseReference(text: string): Reference {
  if (typeof text !== 'string' || text === '') throw refused(String(text), 'is empty')
  const [rest = '', digest = null, ...more] = text.split('@')
  if (more.length > 0 || (digest !== null && !isDigest(digest)))
    throw refused(text, 'what follows @ is no sha256 digest')
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1)
  const [name, tag] = colon < 0 ? [rest, null] : [rest.slice(0, colon), rest.slice(colon + 1)]
  if (tag !== null && !TAG.test(tag)) throw refused(text, 'what follows the last colon is no tag')
  const { domain, repository } = splitDomain(name)
  if (!HOST.test(domain)) throw refused(text, `${JSON.stringify(domain)} is no host of a registry`)
  checkRepository(text, repository)
  if (domain.length + repository.length >= LONGEST_NAME) throw refused(text, `has more than ${LONGEST_NAME} characters`)
  return { domain, repository, tag: tag ?? (digest === null ? 'latest' : null), digest }
}

function checkRepository(text: string, repository: string): void {
  // `docker run` takes 64 digits for the id of an image: as a name they would be mistaken for one.
  if (/^[0-9a-f]{64}$/.test(repository.replace(/^library\//, '')))
    throw refused(text, 'is the id of an image, not a name')
  if (repository.split('/').every(part => COMPONENT.test(part))) return
  const upper = repository !== repository.toLowerCase() ? ': the name of a repository is in lower case' : ''
  throw refused(text, `${JSON.stringify(repository)} is no name of a repository${upper}`)
}

function splitDomain(name: string): { domain: string; repository: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const isHost = /[.:A-Z[]/.test(first) || first === 'localhost'
  const [domain, path] = isHost ? [first, name.slice(slash + 1)] : ['docker.io', name]
  const hub = domain === 'docker.io' || domain === 'index.docker.io'
  if (!hub) return { domain, repository: path }
  return { domain: 'docker.io', repository: path.includes('/') ? path : `library/${path}` }
}

function refused(text: string, why: string): ImageError {
  return new ImageError('ERR_IMAGE_REFERENCE', `${JSON.stringify(text)} is no name of an image: ${why}`, {
    image: text,
    expected: EXPECTED,
  })
}

/** Without tag and digest: `docker.io/library/alpine`. */
export const nameOf = ({ domain, repository }: Reference): string => `${domain}/${repository}`

/** The whole name: what `parseReference` reads as the same again. */
export function referenceText(reference: Reference): string {
  const { tag, digest } = reference
  return `${nameOf(reference)}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`
}
