// EXEC: a first process that stays ours. It passes signals on to the program, reaps what has lost its parent,
// and keeps how the program ended.
#include <asm/ioctls.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/signalfd.h>

#include "reap.h"
#include "sys_reap.h"

// What is kept is the status as wait(2) has it, with this bit, since 0 is a status too.
#define IS_KEPT 0x10000u

struct reaper {
  int program; // its pid
  int signals; // a signalfd of all of them
  int lifeline;
  volatile uint32_t *kept; // memory of a file of the runtime's
};

void run_lifeline(struct init *init, struct lifeline_op *args) {
  init->lifeline = take_slot(init, args->slot.number);
}

// A pidfd is readable once its process has ended, but hung up only when somebody has reaped that.
bool lifeline_is_cut(int lifeline, int other) {
  struct pollfd fds[] = {{lifeline, POLLIN, 0}, {other, POLLIN, 0}};
  while (sys_poll(fds, 2, true) == -EINTR)
    continue;
  return fds[0].revents != 0;
}

// The container's filter is in force: a call that it refuses must be told before there is a program.
static void try_calls(const struct init *init, int signals) {
  const struct report *report = &init->report;
  struct pollfd fd = {signals, POLLIN, 0};
  int status;
  must(report, "ppoll", sys_poll(&fd, 1, false), "init");
  // Too short for a signal, so that none is lost.
  long got = sys_read(signals, &status, 0);
  must(report, "read", got == -EINVAL ? 0 : got, "init");
  int waited = sys_wait_any(&status);
  must(report, "wait4", waited == -ECHILD ? 0 : waited, "init");
  must(report, "kill", sys_kill(sys_getpid(), 0), "init");
}

// Where there is a terminal, the keys that send signals must reach the program, and it alone.
static void lead_terminal(void) {
  int group = sys_getpid();
  (void)sys_ioctl(0, TIOCSPGRP, &group);
}

void go_on(const struct init *init) {
  must(&init->report, "setpgid", sys_lead_group(), "");
  lead_terminal();
  must(&init->report, "rt_sigprocmask", sys_clear_signal_mask(), "");
}

void close_all_but(const struct init *init, int one, int other) {
  enum { MARGIN = 64 };
  int last = init->first_slot + (int)init->plan.slot_count + MARGIN;
  for (int fd = 0; fd <= last; fd++)
    if (fd != one && fd != other)
      sys_close(fd);
}

// The end of a first process is the end of all in its pid namespace.
static _Noreturn void end_as(const struct reaper *reaper, int status) {
  int number = status & 0x7f;
  *reaper->kept = IS_KEPT | (unsigned int)status;
  sys_exit(number == 0 ? status >> 8 & 0xff : 128 + number);
}

static void reap(const struct reaper *reaper) {
  int status, pid;
  while ((pid = sys_wait_any(&status)) > 0)
    if (pid == reaper->program)
      end_as(reaper, status);
}

static _Noreturn void look_after(const struct reaper *reaper) {
  for (;;) {
    struct signalfd_siginfo news;
    if (lifeline_is_cut(reaper->lifeline, reaper->signals))
      end_as(reaper, SIGKILL);
    while (sys_read(reaper->signals, &news, sizeof news) == sizeof news)
      if (news.ssi_signo != SIGCHLD)
        (void)sys_kill(reaper->program, (int)news.ssi_signo);
    reap(reaper);
  }
}

void run_reap(struct init *init, struct reap_op *args) {
  const struct report *report = &init->report;
  long error;
  int file = take_slot(init, args->slot.number);
  struct reaper reaper = {.lifeline = init->lifeline, .kept = sys_map_shared(sizeof(uint32_t), file, &error)};
  must(report, "mmap", error, "the exit status");
  sys_close(file);
  // The change of credentials may have made it dumpable (fs.suid_dumpable): nobody in the container may look
  // into it, or trace it.
  must(report, "prctl", sys_prctl(PR_SET_DUMPABLE, 0, 0), "PR_SET_DUMPABLE");
  must(report, "rt_sigprocmask", sys_block_signals(), "");
  reaper.signals = must(report, "signalfd4", sys_signal_fd(), "init");
  try_calls(init, reaper.signals);
  reaper.program = must(report, "clone", sys_clone(SIGCHLD), "init");
  if (reaper.program == 0)
    return go_on(init);
  close_all_but(init, reaper.signals, reaper.lifeline);
  look_after(&reaper);
}
