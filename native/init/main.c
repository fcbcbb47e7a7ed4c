// tsrun-init N FLAGS: makes the namespaces of FLAGS, and with CLONE_INTO_CGROUP there goes into the cgroup
// that N+1 is the directory of; receives the plan and its slots over the control socket N, verifies all of
// the plan, and then runs it, op by op, in the process that becomes the container's. The plan becomes N+1,
// N+2 and what follows are the slots.
#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "birth.h"
#include "entry.h"
#include "hook.h"
#include "memory.h"
#include "path.h"
#include "program.h"

#define MAX_PLAN (16u << 20)
#define MAX_CONTROL (1 << 20)
#define MESSAGE_DESCRIPTORS 253             // SCM_MAX_FD of the kernel
#define F_SEALED (0x0002 | 0x0004 | 0x0008) // F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE

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

void outlive_parent(struct init *init) {
  if (init->follows_parent)
    must(&init->report, "prctl", sys_prctl(PR_SET_PDEATHSIG, 0, 0), "PR_SET_PDEATHSIG");
}

void leave_parent(struct init *init) {
  outlive_parent(init);
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

static void end_by_signal(int number) {
  sys_exit(128 + number);
}

// The kernel sends a first process only what it handles, and a container that is created can be ended by a
// signal as one that runs. execve takes the handlers back.
static void heed_signals(void) {
  static const uint64_t HARMLESS = 1ull << SIGCHLD | 1ull << SIGCONT | 1ull << SIGTSTP | 1ull << SIGTTIN |
                                   1ull << SIGTTOU | 1ull << SIGURG | 1ull << SIGWINCH;
  static const uint64_t FIXED = 1ull << SIGKILL | 1ull << SIGSTOP;
  if (sys_getpid() != 1)
    return;
  for (int number = 1; number < 64; number++)
    if (((HARMLESS | FIXED) >> number & 1) == 0)
      (void)sys_handle_signal(number, end_by_signal);
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
  heed_signals();
  init->building = false;
}

static void run_plan(struct init *init) {
  for (; init->report.op < init->plan.count; init->report.op++) {
    union args args;
    enum op_code code = plan_next(&init->plan, &args);
    if (code != OP_MKNOD && code != OP_SYMLINK)
      drop(&init->folder);
    enter_identity(init, code);
    run_op(init, code, &args);
    note_step(&init->report, &init->timeline);
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

struct descriptors {
  size_t length;
  int32_t level, type;
  int32_t fds[MESSAGE_DESCRIPTORS + 1];
};

// One message of the runtime's: a byte, 1 if another message follows, and descriptors. Whatever else ends
// the process: the runtime is gone, or gave up.
static bool receive_some(const struct init *init, int *last) {
  unsigned char follows;
  struct descriptors got = {0};
  struct io_vector payload = {&follows, 1};
  struct message message = {
      .vectors = &payload, .vector_count = 1, .control = &got, .control_length = sizeof got};
  if (sys_recvmsg(init->report.socket, &message) != 1 || got.type != SEND_DESCRIPTORS)
    sys_exit(1);
  // Nothing else is open here, so each gets the number after that of the one before.
  for (size_t i = 0; i < (got.length - offsetof(struct descriptors, fds)) / sizeof *got.fds; i++)
    if (got.fds[i] != ++*last)
      refuse(&init->report, "a slot has not got its number");
  return follows != 0;
}

// The plan is the first. Returns the number of slots.
static uint32_t receive_slots(const struct init *init) {
  int last = init->report.socket;
  while (receive_some(init, &last))
    continue;
  if (last < init->first_slot - 1)
    refuse(&init->report, "there is no plan");
  return (uint32_t)(last - init->first_slot + 1);
}

// A number of up to 40 bits, in decimal; -1 for anything else.
static int64_t parse_number(const char *text) {
  static const int64_t LARGEST = (1ll << 40) - 1;
  int64_t number = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9' && number <= LARGEST; at++)
    number = number * 10 + (*at - '0');
  return *at == 0 && at != text && number <= LARGEST ? number : -1;
}

// `tsrun-init -` has no plan: it keeps a cgroup in use until its standard input ends, or the runtime does. It
// says that it is here, since before it had the runtime's memory, with which it must not be moved.
static _Noreturn void hold_place(void) {
  char byte = 0;
  if (sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0) < 0 || sys_write(1, &byte, 1) != 1)
    sys_exit(1);
  while (sys_read(0, &byte, 1) > 0)
    continue;
  sys_exit(0);
}

_Noreturn void start(long *stack) {
  const char *const *args = (const char *const *)(stack + 1);
  // `tsrun-init .`: the end of a command that has become this, so that it has no memory to give back when it
  // ends.
  if (stack[0] == 2 && args[1][0] == '.' && args[1][1] == 0)
    sys_exit(0);
  if (stack[0] == 2 && args[1][0] == '-' && args[1][1] == 0)
    hold_place();
  if (stack[0] == 2 && args[1][0] == '+' && args[1][1] == 0)
    keep_hook();
  if (stack[0] == 3 && args[1][0] == '=' && args[1][1] == 0)
    become_program((int)parse_number(args[2]));
  int64_t control = stack[0] == 3 ? parse_number(args[1]) : -1;
  int64_t flags = stack[0] == 3 ? parse_number(args[2]) : -1;
  if (control <= 2 || control > MAX_CONTROL || flags < 0)
    sys_exit(2);
  struct init init = {
      .report = {.socket = (int)control, .op = 0},
      .first_slot = (int)control + 2,
      .root = -1,
      .procfs = -1,
      .null = -1,
      .empty = -1,
      .ruleset = -1,
      .lifeline = -1,
      .folder = -1,
      .stage = -1,
      .caller_umask = sys_umask(0),
      .building = true,
      .follows_parent = true,
  };
  must(&init.report, "prctl", sys_prctl(PR_SET_NAME, (unsigned long)"tsrun-init", 0), "PR_SET_NAME");
  must(&init.report, "rt_sigprocmask", sys_clear_signal_mask(), "");
  must(&init.report, "close_range", sys_close_range((unsigned int)control, ~0u, CLOSE_RANGE_CLOEXEC), "");
  be_born(&init, (uint64_t)flags, (int)control + 1);
  if (flags & CLONE_NEWUSER)
    execute_again(&init, args[1], (uint64_t)flags & (BY_UNSHARE | WANTS_TIMELINE));
  uint32_t received = receive_slots(&init);
  note_step(&init.report, &init.timeline);
  read_plan(&init, (int)control + 1);
  note_step(&init.report, &init.timeline);
  if (init.plan.slot_count != received)
    refuse(&init.report, "the slots received are not those of the plan");
  if ((init.plan.cloned & BY_UNSHARE) != (flags & BY_UNSHARE))
    refuse(&init.report, "the namespaces made are not those of the plan");
  for (uint32_t slot = 0; slot < received; slot++)
    init.slots_left[slot / 8] |= (unsigned char)(1u << slot % 8);
  run_plan(&init);
  sys_exit(0);
}
