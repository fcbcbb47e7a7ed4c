/** The flags of all commands that work with images. */
import { resolve } from 'node:path'
import type { ImagesOptions, VolumeMount } from '../image/index.js'
import type { Flag, Flags } from './command.js'
import { UsageError } from './command-line.js'

export const STORE_FLAG: Flag = {
  name: 'store',
  value: 'DIR',
  completes: 'directory',
  help: 'where images and volumes are kept (default: /var/lib/tsrun/images; without root $XDG_DATA_HOME/tsrun/images)',
}

export const STORE_FLAGS: readonly Flag[] = [
  STORE_FLAG,
  { name: 'insecure', value: 'HOST[:PORT]', isList: true, help: 'speak plain HTTP to this registry (repeatable)' },
  {
    name: 'mirror',
    value: 'REGISTRY=URL',
    isList: true,
    help: 'ask this one first for images of a registry (repeatable)',
  },
]

export const SQUASH_FLAG: Flag = {
  name: 'squash',
  help: 'without root: all files of layers belong to this user, also if it has been granted other ids (/etc/subuid)',
}

/** For layers that are unpacked. */
export const ownersOf = (flags: Flags): { readonly owners?: 'squashed' } =>
  flags.isOn(SQUASH_FLAG.name) ? { owners: 'squashed' } : {}

/** @throws {UsageError} for a mirror without a registry */
export function storeOptions(flags: Flags): ImagesOptions {
  const mirrors: Record<string, string[]> = {}
  for (const text of flags.list('mirror')) {
    const [, registry, url] = /^([^=]+)=(.+)$/.exec(text) ?? []
    if (registry === undefined || url === undefined) throw new UsageError(`--mirror ${text}: write REGISTRY=URL`)
    mirrors[registry] = [...(mirrors[registry] ?? []), url]
  }
  return { ...storeDirectory(flags), insecure: flags.list('insecure'), mirrors }
}

export function storeDirectory(flags: Flags): Pick<ImagesOptions, 'directory'> {
  const store = flags.text('store')
  return store === undefined ? {} : { directory: resolve(store) }
}

/** @throws {UsageError} for what is no volume with its place */
export function volumeMounts(flags: Flags): readonly VolumeMount[] {
  return flags.list('volume').map(text => {
    const [, volume, target, mode = 'rw'] = /^([^:/]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text) ?? []
    if (volume === undefined || target === undefined || (mode !== 'ro' && mode !== 'rw'))
      throw new UsageError(`--volume ${text}: write NAME:TARGET or NAME:TARGET:ro, with an absolute TARGET`)
    return { volume, target, mode }
  })
}
