#include "calls.h"

#include <linux/prctl.h>
#include <linux/time_types.h>

#include "../init/call.h"

#define WITHOUT_FOLLOWING 0x100 // AT_SYMLINK_NOFOLLOW
#define REMOVE_DIRECTORY 0x200  // AT_REMOVEDIR
#define FROM_HERE 1             // SEEK_CUR
#define PIPE_SIZE 1031          // F_SETPIPE_SZ

int sys_set_instant(int dir, const char *name, struct instant to) {
  struct __kernel_timespec time = {to.seconds, to.nanoseconds};
  struct __kernel_timespec times[2] = {time, time};
  return (int)CALL(utimensat, dir, name, times, name == NULL ? 0 : WITHOUT_FOLLOWING);
}

int sys_linkat(int from_dir, const char *from, int to_dir, const char *to) {
  return (int)CALL(linkat, from_dir, from, to_dir, to, 0);
}

int sys_rmdirat(int dir, const char *path) {
  return (int)CALL(unlinkat, dir, path, REMOVE_DIRECTORY);
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

long sys_splice(int from, int to, size_t size) {
  return CALL(splice, from, NULL, to, NULL, size, 0);
}

int sys_set_pipe_size(int fd, size_t size) {
  return (int)CALL(fcntl, fd, PIPE_SIZE, size);
}

int sys_no_new_privileges(void) {
  return (int)CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
