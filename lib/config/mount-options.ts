/** MOUNT_ATTR_* of mount_setattr(2) and fsmount(2) (linux/mount.h). */
export const MOUNT_ATTRIBUTES = {
  RDONLY: 0x1n,
  NOSUID: 0x2n,
  NODEV: 0x4n,
  NOEXEC: 0x8n,
  /** The mask of the three access time modes; relatime is 0. */
  ATIME: 0x70n,
  NOATIME: 0x10n,
  STRICTATIME: 0x20n,
  NODIRATIME: 0x80n,
  NOSYMFOLLOW: 0x200000n,
} as const

/** MS_* of mount(2) (linux/mount.h). */
export const MS_REC = 0x4000
export const PROPAGATION = {
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
  runbindable: 0x20000 | MS_REC,
  rprivate: 0x40000 | MS_REC,
  rslave: 0x80000 | MS_REC,
  rshared: 0x100000 | MS_REC,
} as const
export type PropagationName = keyof typeof PROPAGATION
export const PROPAGATION_NAMES = Object.keys(PROPAGATION) as PropagationName[]

/** What an option means; options that are in no table are the file system's own. */
export type OptionMeaning =
  | { readonly kind: 'bind'; readonly recursive: boolean }
  | { readonly kind: 'remount' }
  | { readonly kind: 'propagation'; readonly flags: number }
  | { readonly kind: 'set' | 'clear'; readonly recursive: boolean; readonly attributes: bigint }
  /** An access time mode; `null` goes back to the kernel's default if that mode was set before. */
  | { readonly kind: 'atime'; readonly recursive: boolean; readonly mode: bigint; readonly off: boolean }
  /** Ids are mapped, by the mount's own mappings or by those of the container's user namespace. */
  | { readonly kind: 'idmap'; readonly recursive: boolean }
  /** What a tmpfs hides is copied into it. */
  | { readonly kind: 'copy_up' }
  /** A flag of the superblock. */
  | { readonly kind: 'superblock'; readonly flag: string }
  /** Accepted and without effect; `missed`: a warning says so. */
  | { readonly kind: 'nothing'; readonly missed: boolean }

type Attribute = readonly ['set' | 'clear', bigint]

/** Each of these has a recursive form, with an `r` in front. */
const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  ...switched('ro', 'rw', MOUNT_ATTRIBUTES.RDONLY),
  ...switched('nosuid', 'suid', MOUNT_ATTRIBUTES.NOSUID),
  ...switched('nodev', 'dev', MOUNT_ATTRIBUTES.NODEV),
  ...switched('noexec', 'exec', MOUNT_ATTRIBUTES.NOEXEC),
  ...switched('nodiratime', 'diratime', MOUNT_ATTRIBUTES.NODIRATIME),
  ...switched('nosymfollow', 'symfollow', MOUNT_ATTRIBUTES.NOSYMFOLLOW),
}

function switched(on: string, off: string, attribute: bigint): Record<string, Attribute> {
  return { [on]: ['set', attribute], [off]: ['clear', attribute] }
}

/** These too. A mode that is switched off gives relatime, the kernel's default since 2.6.30. */
const ATIME_MODES: Readonly<Record<string, { mode: bigint; off: boolean }>> = {
  noatime: { mode: MOUNT_ATTRIBUTES.NOATIME, off: false },
  atime: { mode: MOUNT_ATTRIBUTES.NOATIME, off: true },
  strictatime: { mode: MOUNT_ATTRIBUTES.STRICTATIME, off: false },
  nostrictatime: { mode: MOUNT_ATTRIBUTES.STRICTATIME, off: true },
  relatime: { mode: 0n, off: false },
}

/**
 * Without effect through fsmount(2), and whether that takes away something that was asked for: `norelatime` asks for the
 * absence of what has no flag of its own, `silent` is about the kernel's log only, `iversion` is the file system's decision.
 */
const WITHOUT_EFFECT: Readonly<Record<string, boolean>> = {
  defaults: false,
  norelatime: false,
  rnorelatime: false,
  silent: false,
  loud: false,
  noiversion: false,
  iversion: true,
}

/** Their names are fsconfig's own. */
const SUPERBLOCK = ['sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand'] as const

function* meanings(): Generator<readonly [string, OptionMeaning]> {
  yield ['bind', { kind: 'bind', recursive: false }]
  yield ['rbind', { kind: 'bind', recursive: true }]
  yield ['remount', { kind: 'remount' }]
  yield ['idmap', { kind: 'idmap', recursive: false }]
  yield ['ridmap', { kind: 'idmap', recursive: true }]
  yield ['tmpcopyup', { kind: 'copy_up' }]
  for (const [name, missed] of Object.entries(WITHOUT_EFFECT)) yield [name, { kind: 'nothing', missed }]
  for (const flag of SUPERBLOCK) yield [flag, { kind: 'superblock', flag }]
  for (const name of PROPAGATION_NAMES) yield [name, { kind: 'propagation', flags: PROPAGATION[name] }]
  for (const [name, [kind, attributes]] of Object.entries(ATTRIBUTES)) {
    yield [name, { kind, attributes, recursive: false }]
    yield [`r${name}`, { kind, attributes, recursive: true }]
  }
  for (const [name, mode] of Object.entries(ATIME_MODES)) {
    yield [name, { kind: 'atime', ...mode, recursive: false }]
    yield [`r${name}`, { kind: 'atime', ...mode, recursive: true }]
  }
}

const MEANINGS: ReadonlyMap<string, OptionMeaning> = new Map(meanings())

/** True for what a remount tells the file system, and not the mount. */
export function isOfFileSystem(option: string): boolean {
  const { kind } = optionMeaning(option) ?? { kind: option === '' ? 'nothing' : 'data' }
  return kind === 'data' || kind === 'superblock'
}

/** The option's meaning, undefined for one of the file system. An idmap may bring its mappings along. */
export function optionMeaning(option: string): OptionMeaning | undefined {
  return MEANINGS.get(/^r?idmap(?==)/.exec(option)?.[0] ?? option)
}

/** All options that tsrun itself knows, sorted, as the features document lists them. */
export const MOUNT_OPTIONS: readonly string[] = [...MEANINGS.keys()].sort()
