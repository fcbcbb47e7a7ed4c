// The keeper of a hook. It is the subreaper of what the hook starts, so that nothing of it gets away by
// another session or by losing its parent, and it is told by an end of file that the runtime is gone, however
// that ended. A hook that ends by itself may leave processes behind: they are its own affair, as with other
// runtimes.
#include "hook.h"

#include <linux/close_range.h>
#include <linux/prctl.h>
#include <stdbool.h>

#include "memory.h"
#include "program.h"
#include "sys_hook.h"

// Descriptors, after the hook's standard streams; lib/sys/run.ts places them.
enum { CONTROL = 3, PROGRAM = 4, DIRECTORY = 5 };
enum { EXITED, SIGNALLED, NOT_EXECUTED, NOT_FORKED };
// Some ten seconds: what does not die of SIGKILL is waited for no longer.
enum { ROUNDS = 5000, PAUSE_MS = 2 };

static int hook;

// A frame for lib/sys/run.ts: its length, what it is about, and a number.
static void tell_runtime(unsigned char kind, int32_t value) {
  struct __attribute__((packed)) {
    uint32_t length;
    unsigned char kind;
    int32_t value;
  } frame = {5, kind, value};
  (void)sys_send(CONTROL, &frame, sizeof frame);
}

// The number only means a child of ours if procfs is that of our pid namespace.
static void kill_child(int pid) {
  struct ended ended;
  if (pid > 1 && sys_wait(THIS_CHILD, pid, HAS_EXITED | DONT_WAIT | LEAVE, &ended) == 0)
    (void)sys_kill(pid, SIGKILL);
}

// Those that have lost their parent meanwhile are ours in the next round; so are those that did not fit.
static void kill_children(void) {
  char text[4096];
  int fd = sys_openat(AT_FDCWD, "/proc/thread-self/children", O_RDONLY | O_CLOEXEC, 0);
  long length = fd < 0 ? 0 : sys_read(fd, text, sizeof text);
  if (fd >= 0)
    sys_close(fd);
  int pid = 0;
  for (long i = 0; i < length; i++) {
    if (text[i] != ' ') {
      pid = pid * 10 + (text[i] - '0');
      continue;
    }
    kill_child(pid);
    pid = 0;
  }
  // Of a kernel without that file (CONFIG_PROC_CHILDREN), as much as can be found.
  kill_child(hook);
}

static void tell_end(struct ended ended) {
  tell_runtime(ended.code == CODE_EXITED ? EXITED : SIGNALLED, ended.status);
}

// Takes what has ended; false: there is nobody left.
static bool reap_children(void) {
  for (;;) {
    struct ended ended;
    if (sys_wait(ANY_CHILD, 0, HAS_EXITED | DONT_WAIT, &ended) < 0)
      return false;
    if (ended.pid == 0)
      return true;
    if (ended.pid == hook)
      tell_end(ended);
  }
}

static _Noreturn void end_all(int number) {
  (void)number;
  for (int round = 0; round < ROUNDS; round++) {
    kill_children();
    if (!reap_children())
      break;
    (void)sys_poll_for(NULL, 0, PAUSE_MS);
  }
  sys_exit(0);
}

static _Noreturn void become_hook(int keeper) {
  if (sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0) < 0 || sys_getppid() != keeper)
    sys_exit(127);
  sys_setsid();
  sys_close_range(CONTROL, ~0u, CLOSE_RANGE_CLOEXEC);
  long failed = sys_fchdir(DIRECTORY);
  if (failed == 0)
    failed = execute_program(PROGRAM);
  tell_runtime(NOT_EXECUTED, (int32_t)-failed);
  sys_exit(127);
}

static _Noreturn void wait_for_hook(int pidfd) {
  struct poll_entry entries[] = {{CONTROL, POLL_IN, 0}, {pidfd, POLL_IN, 0}};
  while (sys_poll_for(entries, 2, -1) < 0)
    continue;
  struct ended ended;
  // A word or an end of file both mean that it has to end, unless it has.
  if (entries[1].returned == 0 || sys_wait(THIS_CHILD, hook, HAS_EXITED | DONT_WAIT, &ended) < 0)
    end_all(0);
  tell_end(ended);
  sys_exit(0);
}

_Noreturn void keep_hook(void) {
  int keeper = sys_getpid();
  sys_clear_signal_mask();
  sys_setsid();
  sys_prctl(PR_SET_NAME, (unsigned long)"tsrun-hook", 0);
  sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0);
  // From `delete --force` of another process.
  sys_handle_signal(SIGTERM, end_all);
  hook = sys_clone(SIGCHLD);
  if (hook == 0)
    become_hook(keeper);
  int pidfd = hook < 0 ? hook : sys_pidfd_open(hook);
  if (pidfd < 0) {
    tell_runtime(NOT_FORKED, -pidfd);
    if (hook > 0)
      end_all(0);
    sys_exit(1);
  }
  // They are the hook's alone: their other ends tell when it has let go of them.
  sys_close_range(0, CONTROL - 1, 0);
  wait_for_hook(pidfd);
}
