// The system calls that only a first process of ours needs, as those of sys.h.
#ifndef TSRUN_SYS_REAP_H
#define TSRUN_SYS_REAP_H

#include <linux/poll.h>
#include <stdbool.h>

#include "sys.h"

void *sys_map_shared(size_t size, int fd, long *error);
int sys_block_signals(void);
// Of all signals, without waiting.
int sys_signal_fd(void);
int sys_poll(struct pollfd *fds, unsigned int count, bool waits);
// -ECHILD if there is no child, 0 if none has ended.
int sys_wait_any(int *status);
// Waits until a child has ended; -ECHILD if there is none.
int sys_wait_end(int *status);
int sys_unblock_signal(int number);
int sys_kill(int pid, int number);
// The process becomes the leader of a process group of its own.
int sys_lead_group(void);

#endif
