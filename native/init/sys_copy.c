// The system calls that only copying files needs.
#include <linux/time_types.h>

#include "call.h"
#include "sys.h"

long sys_getdents(int fd, void *to, size_t size) {
  return CALL(getdents64, fd, to, size);
}

long sys_sendfile(int to, int from, size_t size) {
  return CALL(sendfile, to, from, NULL, size);
}

int sys_fchmod(int fd, uint32_t mode) {
  return (int)CALL(fchmod, fd, mode);
}

int sys_set_times(int fd, const struct statx *like) {
  struct __kernel_timespec times[2] = {
      {like->stx_atime.tv_sec, like->stx_atime.tv_nsec},
      {like->stx_mtime.tv_sec, like->stx_mtime.tv_nsec},
  };
  return (int)CALL(utimensat, fd, NULL, times, 0);
}

long sys_flistxattr(int fd, char *to, size_t size) {
  return CALL(flistxattr, fd, to, size);
}

long sys_fgetxattr(int fd, const char *name, void *to, size_t size) {
  return CALL(fgetxattr, fd, name, to, size);
}

int sys_fsetxattr(int fd, const char *name, const void *from, size_t size) {
  return (int)CALL(fsetxattr, fd, name, from, size, 0);
}
