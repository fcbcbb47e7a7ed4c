#include "calls.h"

#include <linux/time_types.h>

#include "../init/call.h"

#define FROM_HERE 1 // SEEK_CUR

int sys_set_instant(int dir, const char *name, struct instant to) {
  struct __kernel_timespec time = {to.seconds, to.nanoseconds};
  struct __kernel_timespec times[2] = {time, time};
  return (int)CALL(utimensat, dir, name, times, name == NULL ? 0 : AT_SYMLINK_NOFOLLOW);
}

int sys_linkat(int from_dir, const char *from, int to_dir, const char *to) {
  return (int)CALL(linkat, from_dir, from, to_dir, to, 0);
}

int sys_rmdirat(int dir, const char *path) {
  return (int)CALL(unlinkat, dir, path, AT_REMOVEDIR);
}

int sys_fchown(int fd, uint32_t uid, uint32_t gid) {
  return (int)CALL(fchown, fd, uid, gid);
}

int sys_ftruncate(int fd, int64_t size) {
  return (int)CALL(ftruncate, fd, size);
}

int64_t sys_seek(int fd, int64_t offset) {
  return CALL(lseek, fd, offset, FROM_HERE);
}

int sys_rewind(int fd) {
  return (int)CALL(lseek, fd, 0, 0);
}

int sys_syncfs(int fd) {
  return (int)CALL(syncfs, fd);
}

long sys_splice(int from, int to, size_t size) {
  return CALL(splice, from, NULL, to, NULL, size, 0);
}

int sys_set_pipe_size(int fd, size_t size) {
  return (int)CALL(fcntl, fd, F_SETPIPE_SZ, size);
}
