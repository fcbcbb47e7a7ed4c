/** Who one is at a registry: what `docker login` has written, or the helper programs that it names. */
import { makeObject } from '../../config/json.js'
import { parseJson } from '../../config/parse.js'
import { ConfigError, RegistryError } from '../../errors.js'
import { isErrno } from '../../sys/errno.js'
import { readRegular } from '../../sys/file.js'
import { run } from '../../sys/run-program.js'
import { environment } from '../../sys/self.js'

/** A name with a password, or a token of the registry's own that others are made from (`docker login` has it of some registries). */
export type Credentials = { readonly username: string; readonly password: string } | { readonly identityToken: string }

/** null: none are known, and the registry is spoken to by nobody. */
export type FindCredentials = (registry: string, signal?: AbortSignal) => Promise<Credentials | null>

const LARGEST_FILE = 1024 * 1024
const HELPER_MS = 30_000
const HUB_KEY = 'https://index.docker.io/v1/'

interface DockerConfig {
  readonly auths: Readonly<
    Record<string, { auth?: unknown; username?: unknown; password?: unknown; identitytoken?: unknown }>
  >
  readonly credHelpers: Readonly<Record<string, unknown>>
  readonly credsStore: unknown
}

/** The file that `docker login` writes; null if this user has no home. */
function configPath(): string | null {
  const { DOCKER_CONFIG: folder, HOME: home } = environment()
  if (folder) return `${folder}/config.json`
  return home ? `${home}/.docker/config.json` : null
}

function readDockerConfig(path: string): DockerConfig | null {
  const text = contentOf(path)
  if (text === null) return null
  const { auths, credHelpers, credsStore } = parse(path, text)
  const member = <T>(value: unknown): Readonly<Record<string, T>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, T>) : makeObject()
  return { auths: member(auths), credHelpers: member(credHelpers), credsStore }
}

function contentOf(path: string): Uint8Array | null {
  try {
    const content = readRegular(path, LARGEST_FILE)
    if (typeof content === 'string') throw unusable(path, `it is ${content}`)
    return content
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

function parse(path: string, text: Uint8Array): { auths?: unknown; credHelpers?: unknown; credsStore?: unknown } {
  try {
    const document = parseJson(text)
    if (typeof document === 'object' && document !== null) return document as object
  } catch (error) {
    // Its message would have a part of the file in it.
    if (!(error instanceof ConfigError)) throw error
  }
  throw unusable(path, 'it is no JSON object')
}

const unusable = (path: string, why: string): RegistryError =>
  new RegistryError('ERR_REGISTRY_AUTH', `${path} cannot be used: ${why}`, { registry: '', remedy: 'log in anew' })

/** What `docker login` left on this machine: DOCKER_CONFIG, or ~/.docker, looked at anew each time. */
export const dockerCredentials: FindCredentials = async (registry, signal) => {
  const path = configPath()
  const config = path === null ? null : readDockerConfig(path)
  if (path === null || config === null) return null
  const keys = keysOf(registry)
  const helper = keys.map(key => config.credHelpers[key]).find(name => typeof name === 'string') ?? config.credsStore
  if (typeof helper === 'string' && helper !== '') {
    const found = await askProgram({ helper, server: keys[0] ?? registry, registry, signal })
    if (found !== null) return found
  }
  const entry = keys.map(key => config.auths[key]).find(each => typeof each === 'object' && each !== null)
  return entry === undefined ? null : fromEntry(path, registry, entry)
}

/** The names that a registry may have in the file, the usual one first. */
function keysOf(registry: string): readonly string[] {
  const hub = registry === 'docker.io' ? [HUB_KEY, 'index.docker.io', 'registry-1.docker.io'] : []
  return [
    ...hub,
    registry,
    `https://${registry}`,
    `https://${registry}/v2/`,
    `https://${registry}/v1/`,
    `http://${registry}`,
  ]
}

function fromEntry(path: string, registry: string, entry: DockerConfig['auths'][string]): Credentials | null {
  const { auth, username, password, identitytoken } = entry
  if (typeof identitytoken === 'string' && identitytoken !== '') return { identityToken: identitytoken }
  if (typeof username === 'string' && typeof password === 'string') return { username, password }
  if (typeof auth !== 'string' || auth === '') return null
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) throw unusable(path, `what it has for ${registry} has no colon in it`)
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

interface Asked {
  readonly helper: string
  readonly server: string
  readonly registry: string
  readonly signal: AbortSignal | undefined
}

/** docker-credential-NAME get: the server on its standard input, a JSON object on its output. */
async function askProgram({ helper, server, registry, signal }: Asked): Promise<Credentials | null> {
  const program = `docker-credential-${helper}`
  const failed = (why: string, cause?: unknown): RegistryError =>
    new RegistryError(
      'ERR_REGISTRY_AUTH',
      `${program}, which keeps the credentials of ${registry}, ${why}`,
      { registry },
      { cause },
    )
  if (!/^[A-Za-z0-9_.-]+$/.test(helper)) throw failed('has a name that is none')
  const env = Object.entries(environment()).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  )
  const input = { path: program, args: [program, 'get'], env, cwd: '/', stdin: `${server}\n`, keepsOutput: true }
  const result = await run({ ...input, timeoutMs: HELPER_MS, signal }).catch((error: unknown) => {
    throw isErrno(error) ? failed(`could not be run: ${error.errno}`, error) : error
  })
  signal?.throwIfAborted()
  if (result.timedOut) throw failed(`did not answer within ${HELPER_MS / 1000} s`)
  if (result.exitCode !== 0 && /not found/i.test(result.stdout + result.stderr)) return null
  if (result.exitCode !== 0) throw failed(`failed with ${result.signal ?? `status ${result.exitCode}`}`)
  return (
    fromProgram(result.stdout) ?? Promise.reject(failed('answered what is no JSON object with Username and Secret'))
  )
}

function fromProgram(stdout: string): Credentials | null {
  try {
    const { Username: username, Secret: secret } = JSON.parse(stdout) as { Username?: unknown; Secret?: unknown }
    if (typeof username !== 'string' || typeof secret !== 'string') return null
    return username === '<token>' ? { identityToken: secret } : { username, password: secret }
  } catch {
    return null
  }
}
