// The shared library behind lib/sys: wrappers over system calls that Node has no word for.
// Every function returns a result >= 0, or -errno. What may block for long runs as a job (job.c).
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

// By number: glibc has a function fstat since 2.33, and the kernel's structure is its own on 64 bits.
struct stat;
static inline int status_of(int fd, struct stat *status) {
  return (int)syscall(SYS_fstat, fd, status);
}

static inline void close_owned(const int *fd) {
  if (*fd >= 0)
    close(*fd);
}

// A descriptor that is closed when its variable goes out of scope.
#define OWNED __attribute__((cleanup(close_owned))) int

// A descriptor that JavaScript gets belongs to the thread that asked for it, and is closed when that thread
// ends, unless it was closed or given to Node before (owner.c). Each function returns its first argument.
int own(int fd);
int own_pair(int made, const int *pair);
int disown(int fd);
// Runs `release` with `subject` when the calling thread ends. -errno: no memory.
int at_end_of_thread(void (*release)(void *), void *subject);
void not_at_end_of_thread(const void *subject);

#endif
