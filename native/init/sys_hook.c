// The system calls that only the keeper of a hook needs.
#include "sys_hook.h"

#include <linux/time_types.h>

#include "call.h"

int sys_pidfd_open(int pid) {
  return (int)CALL(pidfd_open, pid, 0);
}

int sys_getppid(void) {
  return (int)raw(__NR_getppid, 0, 0, 0, 0, 0, 0);
}

// The first fields of the kernel's siginfo_t for a child, which is 128 bytes long.
struct child_information {
  int32_t signal, error, code, padding, pid, uid, status;
  unsigned char rest[100];
};

int sys_wait(int type, int pid, int options, struct ended *ended) {
  struct child_information found = {0};
  int result = (int)CALL(waitid, type, pid, &found, options, NULL);
  *ended = (struct ended){.pid = found.pid, .code = found.code, .status = found.status};
  return result;
}

int sys_poll_for(struct poll_entry *entries, unsigned int count, int milliseconds) {
  struct __kernel_timespec limit = {.tv_nsec = (long long)milliseconds * 1000000};
  return (int)CALL(ppoll, entries, count, milliseconds < 0 ? NULL : &limit, NULL, 0);
}
