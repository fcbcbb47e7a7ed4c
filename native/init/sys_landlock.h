// The system calls of Landlock, as those of sys.h.
#ifndef TSRUN_SYS_LANDLOCK_H
#define TSRUN_SYS_LANDLOCK_H

#include <stdint.h>

#define SCOPE_SIGNAL 2 // LANDLOCK_SCOPE_SIGNAL

// Masks of what is handled.
int sys_landlock_ruleset(uint64_t files, uint64_t ports, uint64_t scope);
int sys_landlock_beneath(int ruleset, uint64_t access, int parent);
int sys_landlock_port(int ruleset, uint64_t access, uint64_t port);
int sys_landlock_restrict(int ruleset);

#endif
