#ifndef TSRUN_BIRTH_H
#define TSRUN_BIRTH_H

#include <linux/sched.h>

#include "init.h"

// The namespaces that need no new process.
#define BY_UNSHARE                                                                                           \
  ((uint32_t)(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME))

// Goes on in a child, a child of the runtime's, if `flags` have what only a clone gives: CLONE_NEWUSER,
// CLONE_NEWPID, and CLONE_INTO_CGROUP with a directory of version 2, which is closed. The process that was
// called then ends. The other namespaces are made too, unless there is a new user namespace: its process
// makes them once it has executed this program again.
void be_born(struct init *init, uint64_t flags, int cgroup);

// For a child in a new user namespace: executes this program again, as `tsrun-init CONTROL FLAGS`. What the
// kernel lets others do with a process without being asked (its files in /proc, its namespaces) depends on
// the user namespace that it was executed in.
_Noreturn void execute_again(const struct init *init, const char *control, uint64_t flags);

// The two halves of a clone that the runtime is told of; `ends` are a socket pair. False: the child has died
// before its first instruction. Else it waits until the parent gives way to it.
bool announce(const struct init *init, int pid, const int ends[2]);
_Noreturn void give_way(const int ends[2]);
void follow_announcement(struct init *init, const int ends[2]);

#endif
