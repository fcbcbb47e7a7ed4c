// The headers of many systems do not know all of this yet.
#include "sys_landlock.h"
#include "call.h"

#include <stddef.h>

// The same on every architecture.
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

enum rule { BENEATH = 1, PORT = 2 }; // LANDLOCK_RULE_*

// A kernel that knows less takes what is longer, if the rest of it is 0.
int sys_landlock_ruleset(uint64_t files, uint64_t ports, uint64_t scope) {
  const uint64_t handled[] = {files, ports, scope}; // struct landlock_ruleset_attr
  return (int)CALL(landlock_create_ruleset, handled, sizeof handled, 0);
}

int sys_landlock_beneath(int ruleset, uint64_t access, int parent) {
  const struct {
    uint64_t access;
    int32_t parent;
  } __attribute__((packed)) allowed = {access, parent}; // struct landlock_path_beneath_attr
  return (int)CALL(landlock_add_rule, ruleset, BENEATH, &allowed, 0);
}

int sys_landlock_port(int ruleset, uint64_t access, uint64_t port) {
  const uint64_t allowed[] = {access, port}; // struct landlock_net_port_attr
  return (int)CALL(landlock_add_rule, ruleset, PORT, allowed, 0);
}

int sys_landlock_restrict(int ruleset) {
  return (int)CALL(landlock_restrict_self, ruleset, 0);
}
