// Drives the plan reader. Three ways to run it:
//   plan_harness cases            for each input: "ok", or the index of the op and why it was refused
//   plan_harness mutate N SEED    N mutations of the inputs; then how many were accepted and refused
//   built with -DLIBFUZZER -fsanitize=fuzzer: a libFuzzer target
// Inputs come from stdin, each after its length in 32 bits. Build with -fsanitize=address,undefined: each
// input is in a block of memory of its own size.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../native/init/plan.h"

static volatile size_t touched;

static void demand(int holds, const char *promise) {
  if (holds)
    return;
  fprintf(stderr, "broken promise: %s\n", promise);
  abort();
}

static void read_argument(const struct plan *plan, struct value *value, enum arg_kind kind) {
  switch (kind) {
  case ARG_U32:
    demand(value->number <= UINT32_MAX, "32 bits");
    break;
  case ARG_SLOT:
    demand(value->number < plan->slot_count, "a slot that is there");
    break;
  case ARG_U64:
    break;
  case ARG_TEXT:
    touched += strlen(value->text);
    break;
  case ARG_TEXTS:
    while (value->list.left > 0)
      touched += strlen(next_text(value));
    break;
  case ARG_NUMBERS:
    while (value->list.left > 0)
      touched += next_number(value);
    break;
  }
}

static int has_any(op_set seen, const enum op_code *codes, size_t count) {
  for (size_t i = 0; i < count; i++)
    if ((seen >> codes[i] & 1u) != 0)
      return 1;
  return 0;
}

// What must hold of every plan that is accepted, told apart from how the reader finds out.
static void demand_order(op_set seen, enum op_code code) {
  static const enum op_code switches[] = {OP_PIVOT_ROOT, OP_MOVE_ROOT, OP_CHROOT, OP_HOST_ROOT, OP_JOIN_ROOT};
  demand((seen >> OP_EXECVE & 1u) == 0, "execve is the last");
  if (code == OP_SETNS)
    demand((seen >> OP_NOT_DUMPABLE & 1u) != 0, "not dumpable before setns");
  if (code != OP_EXECVE)
    return;
  demand(has_any(seen, switches, 5), "execve in a root that was switched");
  static const enum op_code needed[] = {OP_GID,          OP_UID,        OP_BOUNDING_SET,
                                        OP_CAPABILITIES, OP_CLOSE_FROM, OP_RESOLVE_EXEC};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    demand(has_any(seen, &needed[i], 1), "execve after all that protects from it");
}

static void run(struct plan *plan) {
  op_set seen = 0;
  for (uint32_t i = 0; i < plan->count; i++) {
    union args args;
    enum op_code code = plan_next(plan, &args);
    demand_order(seen, code);
    for (size_t arg = 0; arg < OP_RULES[code].count; arg++)
      read_argument(plan, &args.all[arg], (enum arg_kind)OP_RULES[code].kinds[arg]);
    seen |= (op_set)1 << code;
  }
  demand(seen == plan->ops, "the set of ops");
  demand(plan->in.at == plan->in.end, "all was read");
}

static int try_plan(const unsigned char *bytes, size_t size, struct refusal *refusal) {
  unsigned char *copy = malloc(size == 0 ? 1 : size);
  struct plan plan;
  memcpy(copy, bytes, size);
  int accepted = plan_verify(copy, size, &plan, refusal);
  demand(memcmp(copy, bytes, size) == 0, "verification changes nothing");
  demand(accepted == (refusal->reason == NULL), "a reason for a refusal");
  if (accepted)
    run(&plan);
  free(copy);
  return accepted;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  struct refusal refusal;
  try_plan(bytes, size, &refusal);
  return 0;
}

#ifndef LIBFUZZER

#define MAX_INPUTS 8192

static struct {
  unsigned char *bytes;
  size_t size;
} inputs[MAX_INPUTS];

static size_t read_inputs(void) {
  size_t count = 0;
  uint32_t size;
  for (; count < MAX_INPUTS && fread(&size, sizeof size, 1, stdin) == 1; count++) {
    inputs[count].bytes = malloc(size + 1);
    inputs[count].size = size;
    demand(fread(inputs[count].bytes, 1, size, stdin) == size, "whole inputs");
  }
  return count;
}

static int show_cases(size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct refusal refusal;
    if (try_plan(inputs[i].bytes, inputs[i].size, &refusal))
      printf("ok\n");
    else
      printf("%" PRIu32 " %s\n", refusal.op, refusal.reason);
  }
  return 0;
}

static uint64_t state;

static size_t chance(size_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return below == 0 ? 0 : state % below;
}

// One of: a flipped bit, a byte that means something, a cut end, a lost, doubled or swapped stretch.
static size_t mutate(unsigned char *bytes, size_t size) {
  static const unsigned char telling[] = {0x00, 0x17, 0x18, 0x1b, 0x1f, 0x5f, 0x60, 0x7b,
                                          0x7f, 0x80, 0x9b, 0x9f, 0xc0, 0xfb, 0xff};
  size_t at = chance(size), length = 1 + chance(16);
  if (size == 0 || at + 2 * length > size)
    return size;
  unsigned char kept[16];
  switch (chance(6)) {
  case 0:
    bytes[at] ^= (unsigned char)(1u << chance(8));
    return size;
  case 1:
    bytes[at] = telling[chance(sizeof telling)];
    return size;
  case 2:
    return at;
  case 3:
    memmove(bytes + at, bytes + at + length, size - at - length);
    return size - length;
  case 4:
    memmove(bytes + at + length, bytes + at, size - at);
    return size + length;
  default:
    memcpy(kept, bytes + at, length);
    memcpy(bytes + at, bytes + at + length, length);
    memcpy(bytes + at + length, kept, length);
    return size;
  }
}

static int run_mutations(size_t count, size_t rounds) {
  enum { MOST = 4, ROOM = 64 };
  size_t accepted = 0;
  for (size_t i = 0; i < rounds && count > 0; i++) {
    size_t input = chance(count), size = inputs[input].size;
    unsigned char *bytes = malloc(size + ROOM);
    memcpy(bytes, inputs[input].bytes, size);
    for (size_t changes = 1 + chance(MOST); changes > 0; changes--)
      size = mutate(bytes, size);
    struct refusal refusal;
    accepted += (size_t)try_plan(bytes, size, &refusal);
    free(bytes);
  }
  printf("accepted %zu refused %zu\n", accepted, rounds - accepted);
  return 0;
}

int main(int argc, char **argv) {
  size_t count = read_inputs();
  if (argc == 2 && strcmp(argv[1], "cases") == 0)
    return show_cases(count);
  if (argc != 4 || strcmp(argv[1], "mutate") != 0)
    return 2;
  state = strtoull(argv[3], NULL, 10) | 1;
  return run_mutations(count, strtoull(argv[2], NULL, 10));
}

#endif
