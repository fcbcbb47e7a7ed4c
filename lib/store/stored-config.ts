/**
 * `config.cbor` of the state directory: the normalised configuration as it was at create, with the number of its shape
 * (docs/state-directory.md).
 */
import { Decoder, Encoder } from 'cbor-x'
import type { Config } from '../config/config.js'
import { StateError } from '../errors.js'
import { replaceFile, writeNewFile } from '../sys/file.js'
import { otherVersion } from './container-record.js'
import type { Store } from './store.js'

// CBOR, since the configuration has integers of 64 bits, which JSON.stringify refuses.
const encoder = new Encoder({ useRecords: false })
const decoder = new Decoder({ useRecords: false })

const FILE = 'config.cbor'
const LONGEST = 64 * 1024 * 1024

/**
 * Another number whenever `Config` gets, loses or changes a field (test/store/stored-config.test.ts notices), together with an entry of
 * `UPGRADES` for the number that it had.
 */
export const CONFIG_VERSION = 3

/** Before 2 a mount did not say which of its flags are `implied`; only create asks. */
const withImplied = (config: Config): Config => ({
  ...config,
  mounts: config.mounts.map(mount => ({ ...mount, implied: 0n })),
})

/** Before 3 there was no option landlock. */
const withoutLandlock = (config: Config): Config => ({ ...config, linux: { ...config.linux, landlock: null } })

const withBoth = (config: Config): Config => withoutLandlock(withImplied(config))

/** What a configuration of an older shape lacks. 0 is that of tsrun 0.1.0, which wrote no number. */
const UPGRADES: Readonly<Record<number, (config: Config) => Config>> = {
  0: withBoth,
  1: withBoth,
  2: withoutLandlock,
}

/**
 * @throws {StateError} ERR_STATE_CORRUPT, which names the file; ERR_STATE_VERSION for what another version of tsrun has written;
 * ERR_STATE_NOT_FOUND
 */
export function readStoredConfig(store: Store, id: string): Config {
  const config = readStoredConfigIfThere(store, id)
  if (config === null) throw unreadable(store, { id, because: 'it is not there' })
  return config
}

interface Read {
  readonly content: Buffer
  readonly config: Config
}

/** By the stores of handles, each of which reads that of one container. It has some 40 KB, which thousands of handles must not keep. */
const lastRead = new WeakMap<Store, WeakRef<Read>>()

/** As `readStoredConfig`; null if create was cut off before it wrote one. */
export function readStoredConfigIfThere(store: Store, id: string): Config | null {
  const content = store.readFile(id, { name: FILE, limit: LONGEST })
  if (content === null) return null
  if ('because' in content) throw unreadable(store, { id, because: `it ${content.because}` })
  const last = lastRead.get(store)?.deref()
  if (last?.content.equals(content)) return last.config
  const config = configIn(store, { id, content })
  if (store.isBound) lastRead.set(store, new WeakRef({ content, config }))
  return config
}

interface Encoded {
  readonly id: string
  readonly content: Uint8Array
}

function configIn(store: Store, { id, content }: Encoded): Config {
  const { version, config } = unwrap(decode(store, { id, content }))
  if (version === CONFIG_VERSION && isConfig(config)) return config
  const upgrade = UPGRADES[version]
  if (upgrade !== undefined && isConfig(config)) return upgrade(config)
  if (!isConfig(config) && version <= CONFIG_VERSION) throw unreadable(store, { id, because: 'it is no configuration' })
  const known = [...Object.keys(UPGRADES), CONFIG_VERSION].join(', ')
  throw otherVersion({ id, what: 'configuration', found: version, known })
}

function decode(store: Store, { id, content }: Encoded): unknown {
  try {
    return decoder.decode(content)
  } catch (cause) {
    throw unreadable(store, { id, because: String(cause), cause })
  }
}

function unwrap(value: unknown): { version: number; config: unknown } {
  if (!isObject(value)) return { version: 0, config: value }
  const { version, config } = value
  return typeof version === 'number' ? { version, config } : { version: 0, config: value }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The fields that every shape has had. */
function isConfig(value: unknown): value is Config {
  if (!isObject(value)) return false
  const { ociVersion, root, process, mounts, hooks, annotations, linux } = value
  return (
    typeof ociVersion === 'string' &&
    typeof process === 'object' &&
    Array.isArray(mounts) &&
    [root, hooks, annotations, linux].every(isObject)
  )
}

function unreadable(
  store: Store,
  { id, because, cause }: { id: string; because: string; cause?: unknown },
): StateError {
  const file = `${store.directory(id)}/${FILE}`
  const message = `the configuration of container "${id}" (${file}) can not be read: ${because}`
  return new StateError('ERR_STATE_CORRUPT', message, { id }, { cause })
}

const encode = (config: Config): Uint8Array => encoder.encode({ version: CONFIG_VERSION, config })

/** Of configurations that many containers are made of. */
const encoded = new WeakMap<Config, Uint8Array>()

function encodeOnce(config: Config): Uint8Array {
  const known = encoded.get(config)
  if (known !== undefined) return known
  const bytes = encode(config)
  encoded.set(config, bytes)
  return bytes
}

/** Once, before anybody can ask for it. Needs the lock. */
export function writeStoredConfig(store: Store, id: string, config: Config): void {
  store.writeFile(id, FILE, path => writeNewFile(path, encodeOnce(config)))
}

/** Readers see the old one or the new one. Needs the lock. */
export function replaceStoredConfig(store: Store, id: string, config: Config): void {
  store.writeFile(id, FILE, path => replaceFile(path, encode(config)))
}
