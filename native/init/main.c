// tsrun-init N: reads the plan from descriptor N, verifies all of it, and then runs it, op by op, in the
// process that becomes the container's. N+1 is the control socket, N+2 and what follows are the plan's slots.
#include <linux/close_range.h>
#include <linux/prctl.h>

#include "init.h"
#include "memory.h"
#include "path.h"

#define MAX_PLAN (16u << 20)
#define F_SEALED (0x0002 | 0x0004 | 0x0008) // F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE

// Any static program starts here; the rest of what a libc would set up is not needed.
#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n and sp, x0, #-16\n b start\n");
#elif defined(__riscv)
__asm__(".text\n.globl _start\n_start:\n .option push\n .option norelax\n la gp, __global_pointer$\n .option "
        "pop\n"
        " mv a0, sp\n andi sp, sp, -16\n tail start\n");
#endif

_Noreturn void start(long *stack);

int take_slot(struct init *init, uint64_t slot) {
  init->slots_left[slot / 8] &= (unsigned char)~(1u << slot % 8);
  return init->first_slot + (int)slot;
}

void wait_at(struct init *init, enum op_code barrier) {
  tell(&init->report, FRAME_BARRIER, barrier);
  await_release(init, barrier);
}

void await_release(struct init *init, enum op_code barrier) {
  unsigned char answer;
  if (sys_read(init->report.socket, &answer, 1) != 1 || answer != barrier)
    sys_exit(1);
}

void follow_parent(struct init *init) {
  if (init->follows_parent)
    must(&init->report, "prctl", sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0), "PR_SET_PDEATHSIG");
}

void leave_parent(struct init *init) {
  if (init->follows_parent)
    must(&init->report, "prctl", sys_prctl(PR_SET_PDEATHSIG, 0, 0), "PR_SET_PDEATHSIG");
  init->follows_parent = false;
}

static void run_op(struct init *init, enum op_code code, union args *args) {
  switch (code) {
#define RUN_OP(op, name)                                                                                     \
  case op:                                                                                                   \
    return run_##name(init, &args->name);
    EACH_OP(RUN_OP)
  }
}

void drop(int *fd) {
  if (*fd >= 0)
    sys_close(*fd);
  *fd = -1;
}

// Everything up to here is made with exact modes; the process gets the caller's umask unless the plan has
// one. No op from here on resolves a path in the root or mounts anything.
static void enter_identity(struct init *init, enum op_code code) {
  static const unsigned int EARLIER = (1u << PHASE_IDENTITY) - 1;
  if (!init->building || (OP_RULES[code].phases & EARLIER) != 0)
    return;
  sys_umask(init->caller_umask);
  drop(&init->root);
  drop(&init->null);
  drop(&init->empty);
  init->building = false;
}

static void run_plan(struct init *init) {
  for (; init->report.op < init->plan.count; init->report.op++) {
    union args args;
    enum op_code code = plan_next(&init->plan, &args);
    enter_identity(init, code);
    run_op(init, code, &args);
  }
}

// The mapping is private, so that texts can be terminated in place, and sealed, so that it can't shrink under
// us.
static void read_plan(struct init *init, int fd) {
  const struct report *report = &init->report;
  int seals = must(report, "fcntl", sys_get_seals(fd), "the plan's seals");
  if ((seals & F_SEALED) != F_SEALED)
    refuse(report, "the plan is not sealed");
  struct statx found = stat_of(init, fd, "the plan");
  if (found.stx_size == 0 || found.stx_size > MAX_PLAN)
    refuse(report, "the plan is empty, or larger than 16 MiB");
  long error;
  unsigned char *bytes = sys_map(found.stx_size, fd, &error);
  must(report, "mmap", error, "the plan");
  sys_close(fd);
  struct refusal refusal;
  if (plan_verify(bytes, found.stx_size, &init->plan, &refusal))
    return;
  init->report.op = refusal.op;
  refuse(report, refusal.reason);
}

// The number of a descriptor, in decimal; -1 for anything else.
static int parse_fd(const char *text) {
  int fd = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9' && fd < 1 << 20; at++)
    fd = fd * 10 + (*at - '0');
  return *at == 0 && at != text && fd > 2 ? fd : -1;
}

// `tsrun-init -` has no plan: it keeps a cgroup in use until its standard input ends, or the runtime does.
static _Noreturn void hold_place(void) {
  char byte;
  if (sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0) < 0)
    sys_exit(1);
  while (sys_read(0, &byte, 1) > 0)
    continue;
  sys_exit(0);
}

_Noreturn void start(long *stack) {
  const char *const *args = (const char *const *)(stack + 1);
  if (stack[0] == 2 && args[1][0] == '-' && args[1][1] == 0)
    hold_place();
  int plan = stack[0] == 2 ? parse_fd(args[1]) : -1;
  if (plan < 0)
    sys_exit(2);
  struct init init = {
      .report = {.socket = plan + 1, .op = 0},
      .first_slot = plan + 2,
      .root = -1,
      .procfs = -1,
      .null = -1,
      .empty = -1,
      .caller_umask = sys_umask(0),
      .building = true,
      .follows_parent = true,
  };
  follow_parent(&init);
  must(&init.report, "prctl", sys_prctl(PR_SET_NAME, (unsigned long)"tsrun-init", 0), "PR_SET_NAME");
  must(&init.report, "rt_sigprocmask", sys_clear_signal_mask(), "");
  must(&init.report, "close_range", sys_close_range((unsigned int)plan, ~0u, CLOSE_RANGE_CLOEXEC), "");
  read_plan(&init, plan);
  for (uint32_t slot = 0; slot < init.plan.slot_count; slot++)
    init.slots_left[slot / 8] |= (unsigned char)(1u << slot % 8);
  run_plan(&init);
  sys_exit(0);
}
