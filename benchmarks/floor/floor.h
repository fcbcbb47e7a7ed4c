// The C floor of the benchmarks: the same system calls as one create, start, wait and delete of tsrun's, and
// nothing else. No configuration is read, no plan is made or checked: what it takes is what the kernel takes.
#ifndef FLOOR_H
#define FLOOR_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_HIERARCHIES 16

// Descriptors of the child: 3 is the control socket, 4 the start socket, 5 the root's tree, then the cgroups'
// tasks files.
enum { CONTROL = 3, START = 4, ROOT_TREE = 5, TASKS = 6 };

// A benchmark of a system call that failed would be a benchmark of nothing.
#define must(call)                                                                                           \
  ({                                                                                                         \
    long must_result = (long)(call);                                                                         \
    if (must_result < 0) {                                                                                   \
      fprintf(stderr, "floor: %s:%d: %s: %s\n", __FILE__, __LINE__, #call, strerror(errno));                 \
      exit(1);                                                                                               \
    }                                                                                                        \
    must_result;                                                                                             \
  })

// The default devices, and no others, for the cgroup at that path.
void limit_devices_v1(const char *cgroup);
void limit_devices_v2(const char *cgroup);

// The child's program: `task_files` descriptors from TASKS on are cgroup v1 tasks files.
void container_init(int task_files) __attribute__((noreturn));

#endif
