/** `config.cbor` of the state directory: the normalised configuration as it was at create. */
import { Decoder, Encoder } from 'cbor-x'
import type { Config } from '../config/config.js'
import { readBytes, replaceFile, writeNewFile } from '../sys/file.js'
import type { Store } from './store.js'

// CBOR, since the configuration has integers of 64 bits, which JSON.stringify refuses.
const encoder = new Encoder({ useRecords: false })
const decoder = new Decoder({ useRecords: false })

const fileOf = (store: Store, id: string): string => `${store.directory(id)}/config.cbor`

export function readStoredConfig(store: Store, id: string): Config {
  return decoder.decode(readBytes(fileOf(store, id))) as Config
}

/** Once, before anybody can ask for it. */
export function writeStoredConfig(store: Store, id: string, config: Config): void {
  writeNewFile(fileOf(store, id), encoder.encode(config))
}

/** Readers see the old one or the new one. Needs the lock. */
export function replaceStoredConfig(store: Store, id: string, config: Config): void {
  replaceFile(fileOf(store, id), encoder.encode(config))
}
