// EXEC: a process of ours that stays, and ends all that the program has started when that ends, or its
// container: where there is no pid namespace, whose end would do so.
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/signalfd.h>

#include "reap.h"
#include "sys_hook.h"
#include "sys_landlock.h"
#include "sys_reap.h"

#define CORE_FILE 4 // RLIMIT_CORE

struct guard {
  int program;   // its pid
  int signals;   // a signalfd of all of them
  int container; // a pidfd of its first process
};

// From here on this process, and all that come of it, can send signals to each other only: `kill(-1)` means
// no one else. All rests on that, so it is tried; who has started us is the same user.
static void keep_signals_among_us(const struct report *report) {
  int ruleset = must(report, "landlock_create_ruleset", sys_landlock_ruleset(0, 0, SCOPE_SIGNAL), "signal");
  must(report, "landlock_restrict_self", sys_landlock_restrict(ruleset), "signal");
  sys_close(ruleset);
  if (sys_kill(sys_getppid(), 0) != -EPERM)
    fail(report, "landlock_restrict_self", -EOPNOTSUPP, "signal");
}

// Whoever forks meanwhile is among them: the kernel keeps both apart.
static void end_all(void) {
  int status, gone;
  (void)sys_kill(-1, SIGKILL);
  do
    gone = sys_wait_end(&status);
  while (gone > 0 || gone == -EINTR);
}

// As the program has ended: by the same signal too, without a file of our memory.
static _Noreturn void end_like(int status) {
  int number = status & 0x7f;
  end_all();
  if (number == 0)
    sys_exit(status >> 8 & 0xff);
  (void)sys_prlimit(CORE_FILE, (const uint64_t[]){0, 0}, NULL);
  (void)sys_kill(sys_getpid(), number);
  (void)sys_unblock_signal(number);
  sys_exit(128 + number);
}

// There may be more to reap each time, so that nothing else would ever be looked at.
static void reap_all(const struct guard *guard) {
  int status, pid;
  struct pollfd container = {guard->container, POLLIN, 0};
  while ((pid = sys_wait_any(&status)) > 0) {
    if (pid == guard->program)
      end_like(status);
    if (sys_poll(&container, 1, false) > 0)
      end_like(SIGKILL);
  }
}

// We have the limits of the program, and are killed a second after this signal: whoever makes us reap without
// end would be free then.
static void pass_on(const struct guard *guard, int number) {
  if (number == SIGXCPU)
    end_like(SIGXCPU);
  if (number != SIGCHLD)
    (void)sys_kill(guard->program, number);
}

static _Noreturn void look_after_tree(const struct guard *guard) {
  for (;;) {
    struct signalfd_siginfo news;
    if (lifeline_is_cut(guard->container, guard->signals))
      end_like(SIGKILL);
    if (sys_read(guard->signals, &news, sizeof news) == sizeof news)
      pass_on(guard, (int)news.ssi_signo);
    reap_all(guard);
  }
}

// Should this end, so does the program.
static void follow_guard(const struct init *init, int guard) {
  must(&init->report, "prctl", sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0), "PR_SET_PDEATHSIG");
  if (sys_getppid() != guard)
    sys_exit(1);
  go_on(init);
}

void run_guard(struct init *init, struct guard_op *args) {
  const struct report *report = &init->report;
  struct guard guard = {.container = take_slot(init, args->slot.number)};
  must(report, "prctl", sys_prctl(PR_SET_DUMPABLE, 0, 0), "PR_SET_DUMPABLE");
  keep_signals_among_us(report);
  must(report, "rt_sigprocmask", sys_block_signals(), "");
  guard.signals = must(report, "signalfd4", sys_signal_fd(), "guard");
  leave_parent(init);
  int self = sys_getpid();
  guard.program = must(report, "clone", sys_clone(SIGCHLD), "guard");
  if (guard.program == 0)
    return follow_guard(init, self);
  close_all_but(init, guard.signals, guard.container);
  look_after_tree(&guard);
}
