// A mount over a directory: the root of a container that has no mount namespace of its own.
#include "sys.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

// <sys/mount.h> contradicts <linux/mount.h> in some releases.
#define LAZILY 2    // MNT_DETACH
#define NO_FOLLOW 8 // UMOUNT_NOFOLLOW
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

static int make_private(int mount) {
  struct mount_attr attributes = {.propagation = MS_PRIVATE};
  unsigned int flags = AT_EMPTY_PATH | (unsigned int)AT_RECURSIVE;
  return (int)result(syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes));
}

// Attaches a detached tree over the directory `target`. What is mounted in it later appears nowhere else,
// whatever it is a copy of, and whatever it is mounted on: on a shared mount it becomes shared again.
EXPORT int ts_cover(int mount, int target) {
  int failed = make_private(mount);
  if (failed < 0)
    return failed;
  unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (syscall(SYS_move_mount, mount, "", target, "", flags) < 0)
    return -errno;
  return make_private(mount);
}

// The number of the mount that a descriptor is in: as /proc/self/mountinfo has it, or the one that is never
// given again (-ENOSYS before Linux 6.8).
EXPORT int ts_mount_id(int fd, int unique, uint64_t *id) {
  struct statx found;
  unsigned int mask = unique ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID;
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, mask, &found) < 0)
    return -errno;
  if ((found.stx_mask & mask) == 0)
    return -ENOSYS;
  *id = found.stx_mnt_id;
  return 0;
}

// Takes away the topmost mount at `path` with all that is mounted in it, also while it is in use.
EXPORT int ts_uncover(const char *path) {
  return (int)result(syscall(SYS_umount2, path, LAZILY | NO_FOLLOW));
}
