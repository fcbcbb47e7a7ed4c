// Processes by pidfd: a number may be reused, a pidfd never means another process.
#include "sys.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

// The time since boot in hundredths of a second, rounded down, as the start time of a process is counted.
EXPORT size_t ts_boot_ticks(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (size_t)now.tv_sec * 100 + (size_t)now.tv_nsec / 10000000;
}

EXPORT int ts_pidfd_open(int pid) {
  return own((int)result(syscall(SYS_pidfd_open, pid, 0)));
}

EXPORT int ts_pidfd_signal(int pidfd, int signal) {
  return (int)result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

// The process stops when its next execve has worked, and goes on when the calling thread ends.
EXPORT int ts_hold_at_exec(int pid) {
  return (int)result(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC));
}

// The process ends with 0 and has nothing left by then: its other threads and its memory, which take
// milliseconds, are gone when the helper begins. Returns only if that does not work.
EXPORT int ts_end_at_once(int helper) {
  char name[] = "tsrun-init", what[] = ".";
  char *arguments[] = {name, what, NULL}, *environment[] = {NULL};
  return (int)result(syscall(SYS_execveat, helper, "", arguments, environment, AT_EMPTY_PATH));
}

// How a process ended, as lib/sys/process.ts reads it. The times are those of the process and of all that it
// has waited for, in microseconds.
struct ending {
  int32_t code, signal; // one is none: -1, 0
  int64_t user, kernel;
};

static int64_t microseconds(struct timeval time) {
  return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

// 1: reaped. 0: still running. -ECHILD: not our child. The system call tells more than waitid(3): rusage.
EXPORT int ts_reap(int pidfd, int leave, struct ending *ending) {
  siginfo_t info;
  struct rusage used;
  memset(&info, 0, sizeof info);
  memset(&used, 0, sizeof used);
  int options = WEXITED | WNOHANG | (leave ? WNOWAIT : 0);
  if (syscall(SYS_waitid, P_PIDFD, pidfd, &info, options, &used) < 0)
    return -errno;
  // One that we hold at its exec is told of too, whatever is asked for.
  int has_ended = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
  if (info.si_pid == 0 || !has_ended)
    return 0;
  ending->code = info.si_code == CLD_EXITED ? info.si_status : -1;
  ending->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  ending->user = microseconds(used.ru_utime);
  ending->kernel = microseconds(used.ru_stime);
  return 1;
}

struct pidfd_information { // struct pidfd_info of Linux 6.15, whose first 64 bytes never change
  uint64_t mask, cgroup_id;
  uint32_t pid, tgid, ppid, ids[8];
  int32_t exit_code;
};
#define INFO_EXIT (1u << 3)
#define GET_INFO _IOWR(0xFF, 11, struct pidfd_information)

// The exit status of somebody else's child, once reaped (Linux 6.15): 1, code or -1, signal or 0. 0: not
// known.
EXPORT int ts_exit_status(int pidfd, int *status) {
  struct pidfd_information info = {.mask = INFO_EXIT};
  if (ioctl(pidfd, GET_INFO, &info) < 0 || !(info.mask & INFO_EXIT))
    return 0;
  status[0] = WIFEXITED(info.exit_code) ? WEXITSTATUS(info.exit_code) : -1;
  status[1] = WIFSIGNALED(info.exit_code) ? WTERMSIG(info.exit_code) : 0;
  return 1;
}

EXPORT int ts_prlimit(int pid, int resource, const uint64_t *limits) {
  return (int)result(syscall(SYS_prlimit64, pid, resource, limits, NULL));
}

EXPORT int ts_kill(int pid, int signal) {
  return (int)result(kill(pid, signal));
}
