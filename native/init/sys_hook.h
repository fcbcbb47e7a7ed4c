#ifndef TSRUN_SYS_HOOK_H
#define TSRUN_SYS_HOOK_H

#include "sys_reap.h"

enum { ANY_CHILD, THIS_CHILD };                             // P_ALL, P_PID
enum { DONT_WAIT = 1, HAS_EXITED = 4, LEAVE = 0x01000000 }; // WNOHANG, WEXITED, WNOWAIT
enum { CODE_EXITED = 1 };                                   // CLD_EXITED
enum { POLL_IN = 1 };

struct ended {
  int32_t pid; // 0: none
  int32_t code, status;
};

struct poll_entry { // struct pollfd
  int32_t fd;
  int16_t events, returned;
};

int sys_pidfd_open(int pid);
int sys_getppid(void);
int sys_wait(int type, int pid, int options, struct ended *ended);
// Waits so many milliseconds (below 1000) at most; -1: for ever.
int sys_poll_for(struct poll_entry *entries, unsigned int count, int milliseconds);

#endif
