// The system calls that only a first process of ours needs.
#include <linux/time_types.h>

#include "call.h"
#include "sys_reap.h"

void *sys_map_shared(size_t size, int fd, long *error) {
  long at = CALL(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  *error = at < 0 && at > -4096 ? at : 0;
  return *error == 0 ? (void *)at : NULL;
}

int sys_block_signals(void) {
  uint64_t all = ~0ull;
  return (int)CALL(rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
}

int sys_signal_fd(void) {
  uint64_t all = ~0ull;
  return (int)CALL(signalfd4, -1, &all, sizeof all, O_CLOEXEC | O_NONBLOCK);
}

int sys_poll(struct pollfd *fds, unsigned int count, bool waits) {
  struct __kernel_timespec now = {0, 0};
  return (int)CALL(ppoll, fds, count, waits ? NULL : &now, NULL, 0);
}

int sys_wait_any(int *status) {
  enum { DONT_HANG = 1 }; // WNOHANG
  return (int)CALL(wait4, -1, status, DONT_HANG, NULL);
}

int sys_wait_end(int *status) {
  return (int)CALL(wait4, -1, status, 0, NULL);
}

int sys_unblock_signal(int number) {
  uint64_t set = 1ull << (number - 1);
  return (int)CALL(rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof set);
}

int sys_kill(int pid, int number) {
  return (int)CALL(kill, pid, number);
}

int sys_lead_group(void) {
  return (int)CALL(setpgid, 0, 0);
}
