#include "procfs.h"

#include <linux/magic.h>

#include "memory.h"
#include "mount.h"
#include "path.h"

#define ROOT_INODE 1 // of a procfs; anything else is a mount of a part of it

bool is_procfs(const struct init *init, int fd, const char *path) {
  struct statfs system;
  must(&init->report, "fstatfs", sys_fstatfs(fd, &system), path);
  return system.f_type == PROC_SUPER_MAGIC;
}

bool is_whole_procfs(const struct init *init, int fd, const char *path) {
  struct statx found = stat_of(init, fd, path);
  return is_procfs(init, fd, path) && found.stx_ino == ROOT_INODE;
}

static int checked_procfs(const struct init *init) {
  int fd = must(&init->report, "openat2",
                open_in_root(init, "/proc", O_PATH | O_DIRECTORY, OP_RESOLVE_NO_SYMLINKS), "/proc");
  if (!is_whole_procfs(init, fd, "/proc"))
    violate(&init->report, VIOLATION_PROCFS, "/proc");
  return fd;
}

int procfs(struct init *init) {
  if (init->procfs >= 0)
    return init->procfs;
  int fd = try_new_mount("proc", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  init->procfs = fd == -EPERM ? checked_procfs(init) : must(&init->report, "fsmount", fd, "proc");
  return init->procfs;
}

void write_procfs(struct init *init, const char *folder, const char *file, const char *value) {
  // thread-self is a link, but not one that leads out.
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
  int dir = must(&init->report, "openat2", sys_openat2(procfs(init), folder, &how), folder);
  int fd = must(&init->report, "openat2", open_beneath(dir, file, O_WRONLY, true), file);
  long written = sys_write(fd, value, strlen(value));
  if (written >= 0 && (size_t)written != strlen(value))
    written = -EIO;
  must(&init->report, "write", written, file);
  sys_close(fd);
  sys_close(dir);
}

int chmod_by_procfs(struct init *init, int fd, uint32_t mode) {
  char path[sizeof "thread-self/fd/" + 10] = "thread-self/fd/";
  char digits[10];
  size_t count = 0, length = strlen(path);
  for (int rest = fd; count == 0 || rest > 0; rest /= 10)
    digits[count++] = (char)('0' + rest % 10);
  while (count > 0)
    path[length++] = digits[--count];
  return sys_fchmodat(procfs(init), path, mode);
}
