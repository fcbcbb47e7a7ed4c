import type { Mount } from './config.js'
import { MOUNT_ATTRIBUTES, type OptionMeaning, optionMeaning } from './mount-options.js'

/** What one flag stands for; the access times have rules of their own. */
const FLAGS =
  MOUNT_ATTRIBUTES.RDONLY |
  MOUNT_ATTRIBUTES.NOSUID |
  MOUNT_ATTRIBUTES.NODEV |
  MOUNT_ATTRIBUTES.NOEXEC |
  MOUNT_ATTRIBUTES.NOSYMFOLLOW

/** Options that say nothing about the mount itself: one that has no others keeps all attributes of its source. */
const SILENT = ['defaults', 'rnorelatime']

export type BindAttributes = Pick<Mount, 'set' | 'clear' | 'implied'>

/**
 * The attributes of a bind mount, as runc has them: a mount without options for them keeps those of its source; with any, what the others
 * would set is absent. The access times are kept unless a mode is named, since that is what mount(2) does with a remount.
 */
export function bindAttributes(options: readonly string[]): BindAttributes {
  const asked = options.filter(option => !SILENT.includes(option)).map(option => ({ option, ...meaningOf(option) }))
  if (!asked.some(({ isOfMount }) => isOfMount)) return { set: 0n, clear: 0n, implied: 0n }
  const flags = asked.reduce(withFlag, { set: 0n, clear: 0n })
  const times = accessTimes(options, (flags.set & MOUNT_ATTRIBUTES.NODIRATIME) !== 0n)
  const set = flags.set | times.set
  const clear = (flags.clear & ~MOUNT_ATTRIBUTES.NODIRATIME) | times.clear
  return { set, clear, implied: FLAGS & ~set & ~clear }
}

interface Asked {
  readonly meaning: OptionMeaning | undefined
  readonly isOfMount: boolean
}

const OF_MOUNT: readonly string[] = ['set', 'clear', 'atime', 'superblock', 'nothing']

function meaningOf(option: string): Asked {
  const meaning = optionMeaning(option)
  const isRecursive = meaning !== undefined && 'recursive' in meaning && meaning.recursive
  return { meaning, isOfMount: meaning !== undefined && OF_MOUNT.includes(meaning.kind) && !isRecursive }
}

type Flags = Pick<BindAttributes, 'set' | 'clear'>

/** The last option wins. */
function withFlag({ set, clear }: Flags, { meaning, isOfMount }: Asked): Flags {
  if (!isOfMount || (meaning?.kind !== 'set' && meaning?.kind !== 'clear')) return { set, clear }
  const { attributes } = meaning
  return meaning.kind === 'set'
    ? { set: set | attributes, clear: clear & ~attributes }
    : { set: set & ~attributes, clear: clear | attributes }
}

/** To switch a mode off says nothing about what there should be in its place; to switch one on says all. */
function accessTimes(options: readonly string[], noDirectories: boolean): Flags {
  const modes = new Set<bigint>()
  for (const option of options) {
    const meaning = optionMeaning(option)
    if (option === 'norelatime') modes.delete(0n)
    if (meaning?.kind !== 'atime' || meaning.recursive) continue
    if (meaning.off) modes.delete(meaning.mode)
    else modes.add(meaning.mode)
  }
  if (modes.size === 0 && !noDirectories) return { set: 0n, clear: 0n }
  const mode = [MOUNT_ATTRIBUTES.STRICTATIME, MOUNT_ATTRIBUTES.NOATIME].find(each => modes.has(each)) ?? 0n
  return { set: mode, clear: MOUNT_ATTRIBUTES.ATIME | (noDirectories ? 0n : MOUNT_ATTRIBUTES.NODIRATIME) }
}
