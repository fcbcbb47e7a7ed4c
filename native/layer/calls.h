// The system calls that only writing a layer needs; as in ../init/sys.h.
#ifndef TSRUN_LAYER_CALLS_H
#define TSRUN_LAYER_CALLS_H

#include "../init/sys.h"

struct instant {
  int64_t seconds;
  int64_t nanoseconds;
};

// `name` NULL: of the descriptor itself. Both times.
int sys_set_instant(int dir, const char *name, struct instant to);
int sys_linkat(int from_dir, const char *from, int to_dir, const char *to);
int sys_rmdirat(int dir, const char *path);
int sys_fchown(int fd, uint32_t uid, uint32_t gid);
int sys_ftruncate(int fd, int64_t size);
int64_t sys_seek(int fd, int64_t offset);
int sys_rewind(int fd);
int sys_syncfs(int fd);
long sys_splice(int from, int to, size_t size);
int sys_set_pipe_size(int fd, size_t size);

#endif
