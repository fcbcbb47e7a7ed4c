// The shared library behind lib/sys: stateless wrappers over system calls that Node has no word for.
// Every function returns a result >= 0, or -errno. None blocks.
#ifndef TSRUN_SYS_H
#define TSRUN_SYS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static inline long result(long returned) {
  return returned < 0 ? -(long)errno : returned;
}

static inline void close_owned(const int *fd) {
  if (*fd >= 0)
    close(*fd);
}

// A descriptor that is closed when its variable goes out of scope.
#define OWNED __attribute__((cleanup(close_owned))) int

#endif
