// Descriptors: sealed memory files, locks, mounts that are not attached anywhere.
#include "job.h"
#include "sys.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

// vm.memfd_noexec may forbid one flag, and kernels before 6.3 know neither: then without.
static int create_memfd(const char *name, unsigned int exec_flag) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | exec_flag);
  return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

EXPORT int ts_sealed_memfd(const char *name, const char *bytes, int length, int executable) {
  int fd = create_memfd(name, executable ? MFD_EXEC : 0);
  if (fd < 0)
    return -errno;
  for (int done = 0; done < length;) {
    ssize_t written = write(fd, bytes + done, (size_t)(length - done));
    if (written < 0) {
      int error = errno;
      close(fd);
      return -error;
    }
    done += (int)written;
  }
  if (fcntl(fd, F_ADD_SEALS, SEALS) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return own(fd);
}

EXPORT int ts_close(int fd) {
  return (int)result(close(disown(fd)));
}

EXPORT int ts_close_all(const int *fds, int count) {
  int failed = 0;
  for (int i = 0; i < count; i++)
    if (close(disown(fds[i])) < 0)
      failed = -errno;
  return failed;
}

// A duplicate of the descriptor that another process has under that number (Linux 5.6).
EXPORT int ts_pidfd_getfd(int pidfd, int fd) {
  return own((int)result(syscall(SYS_pidfd_getfd, pidfd, fd, 0)));
}

EXPORT int ts_lock(int fd) {
  return (int)result(flock(fd, LOCK_EX | LOCK_NB));
}

int open_tree(const char *path, int recursive, int nofollow) {
  unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  flags |= recursive ? (unsigned int)AT_RECURSIVE : 0;
  flags |= nofollow ? (unsigned int)AT_SYMLINK_NOFOLLOW : 0;
  return (int)result(syscall(SYS_open_tree, AT_FDCWD, path, flags));
}

EXPORT int ts_open_tree(const char *path, int recursive, int nofollow) {
  return own(open_tree(path, recursive, nofollow));
}

int open_path(const char *path, int flags) {
  return (int)result(open(path, flags | O_CLOEXEC));
}

EXPORT int ts_open(const char *path, int flags) {
  return own(open_path(path, flags));
}

static int open_cached(const char *path, int flags) {
  struct open_how how = {.flags = (uint64_t)(unsigned)flags | O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};
  return (int)result(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

// A descriptor (O_PATH) of what the kernel has in its cache, -EAGAIN if it would have to ask a file
// system, which might not answer (Linux 5.12).
EXPORT int ts_open_cached(const char *path, int flags) {
  return own(open_cached(path, flags));
}

// The same of what can also be read without such a wait. A file system that has an immutable flag for its
// files keeps them on a disk or in memory; those of a network and of FUSE have none. An overlay says what its
// layers say.
EXPORT int ts_open_local(const char *path) {
  int fd = open_cached(path, 0);
  if (fd < 0)
    return fd;
  struct statx status;
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) == 0 &&
      (status.stx_attributes_mask & STATX_ATTR_IMMUTABLE))
    return own(fd);
  close(fd);
  return -EAGAIN;
}

EXPORT int ts_open_tree_at(int fd, int recursive) {
  unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  flags |= recursive ? (unsigned int)AT_RECURSIVE : 0;
  return own((int)result(syscall(SYS_open_tree, fd, "", flags)));
}

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

// The version of Landlock; -ENOSYS if the kernel has none, -EOPNOTSUPP if it was not told to use it.
EXPORT int ts_landlock(void) {
  const unsigned int version = 1;
  return (int)result(syscall(SYS_landlock_create_ruleset, NULL, 0, version));
}

// The CLONE_NEW* flag of an open namespace file; -ENOTTY if it is none.
EXPORT int ts_namespace_type(int fd) {
  return (int)result(ioctl(fd, NS_GET_NSTYPE));
}
