/** The `resolve` argument of attach and mount_fs. 0: links are followed within the root, and nothing is mounted on a procfs. */
export const RESOLVE = {
  /** Any link on the way is a safety violation (CVE-2019-19921). */
  NO_SYMLINKS: 1,
  /** The target may be on a procfs; without it, one that is there is a safety violation (CVE-2019-16884). */
  ON_PROCFS: 2,
  /** What is mounted must be a procfs, and the whole of it; else it is a safety violation. */
  IS_PROCFS: 4,
  /** mount_fs: what the new mount is going to hide is copied into it first. */
  COPY_UP: 8,
  /** With COPY_UP: the root of the new mount gets mode, owner, times and extended attributes as well. */
  COPY_MODE: 16,
  /** mount_fs: a directory that is there already gives the new file system its mode, as the option `mode`. */
  KEEP_MODE: 32,
  /** attach: what the source forbids (RDONLY, NOSUID, NODEV, NOEXEC) can not be cleared, as if the kernel had locked it. */
  KEEP_LOCKS: 64,
} as const

export const RESOLVE_IN_ROOT = 0
