// Reading a plan: CBOR of [2, clone flags, preserved descriptors, [[kind, type], ...], [[code, argument...],
// ...]], the slots before the ops. No system calls, so that it can be fuzzed.
#ifndef TSRUN_PLAN_H
#define TSRUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "ops.h"
#include "rules.h"

#define PLAN_VERSION 2
// Every bind mount, device, cgroup hierarchy and joined namespace has one.
#define PLAN_MAX_SLOTS RULE_MOST_SLOTS

struct plan {
  struct cbor in; // what of the ops is still to be read
  uint32_t count; // of ops
  uint32_t slot_count;
  uint32_t cloned; // CLONE_NEW* of the first clone
  op_set ops;      // that are in the plan
};

// Which op was refused, and why.
struct refusal {
  uint32_t op;
  const char *reason;
};

// Reads the whole plan and changes nothing (verify.c). True if it may be run.
bool plan_verify(unsigned char *bytes, size_t size, struct plan *plan, struct refusal *refusal);

// Reads the next op of a verified plan. Texts are terminated in place, so that no op can be read twice.
enum op_code plan_next(struct plan *plan, union args *args);

// The next item of a list; `left` of the list says whether there is one.
char *next_text(struct value *list);
uint32_t next_number(struct value *list);

static inline bool plan_has(const struct plan *plan, enum op_code code) {
  return (plan->ops >> code & 1u) != 0;
}

#endif
