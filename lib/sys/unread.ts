import { constants, type Stats } from 'node:fs'

/** Why a file is not read, in words; null of a regular file of at most `limit` bytes. */
export function whyUnread({ mode, size }: Pick<Stats, 'mode' | 'size'>, limit: number): string | null {
  if (size > limit) return `${size} bytes, above the limit of ${limit}`
  const type = mode & constants.S_IFMT
  if (type === constants.S_IFREG) return null
  if (type === constants.S_IFDIR) return 'a directory'
  return type === constants.S_IFIFO ? 'a fifo' : 'a device'
}
