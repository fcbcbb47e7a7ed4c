// How a process that waits for us is going to be run: set by its pid.
#include "sys.h"
#include <sched.h>

// `attributes` is the kernel's struct sched_attr, which begins with its own size.
EXPORT int ts_sched_setattr(int pid, const void *attributes) {
  return (int)result(syscall(SYS_sched_setattr, pid, attributes, 0));
}

EXPORT int ts_ioprio_set(int pid, int priority) {
  enum { ONE_PROCESS = 1 }; // IOPRIO_WHO_PROCESS, of a header that older systems lack
  return (int)result(syscall(SYS_ioprio_set, ONE_PROCESS, pid, priority));
}

// Bit n of `mask` is CPU n.
EXPORT int ts_sched_setaffinity(int pid, const void *mask, int bytes) {
  return (int)result(syscall(SYS_sched_setaffinity, pid, (size_t)bytes, mask));
}
