/** The flags of all commands that work with images. */
import { resolve } from 'node:path'
import type { ImagesOptions } from '../image/index.js'
import type { Flag, Flags } from './command.js'
import { UsageError } from './command-line.js'

export const STORE_FLAGS: readonly Flag[] = [
  {
    name: 'store',
    value: 'DIR',
    completes: 'directory',
    help: 'where images are kept (default: /var/lib/tsrun/images; without root $XDG_DATA_HOME/tsrun/images)',
  },
  { name: 'insecure', value: 'HOST[:PORT]', isList: true, help: 'speak plain HTTP to this registry (repeatable)' },
  {
    name: 'mirror',
    value: 'REGISTRY=URL',
    isList: true,
    help: 'ask this one first for images of a registry (repeatable)',
  },
]

/** @throws {UsageError} for a mirror without a registry */
export function storeOptions(flags: Flags): ImagesOptions {
  const store = flags.text('store')
  const mirrors: Record<string, string[]> = {}
  for (const text of flags.list('mirror')) {
    const [, registry, url] = /^([^=]+)=(.+)$/.exec(text) ?? []
    if (registry === undefined || url === undefined) throw new UsageError(`--mirror ${text}: write REGISTRY=URL`)
    mirrors[registry] = [...(mirrors[registry] ?? []), url]
  }
  return { ...(store !== undefined && { directory: resolve(store) }), insecure: flags.list('insecure'), mirrors }
}
