// Starts the init helper: clone3 with CLONE_VM|CLONE_VFORK, so that the cost does not depend on the size of
// the host process, and exec of a sealed memfd. The child runs on a stack of its own in the shared memory: it
// must not call anything that takes a lock or touches what the host's other threads use.
#include "sys.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

enum { STACK_SIZE = 64 * 1024, SIGNALS = 64, MAX_FDS = 1024 };

struct spawn {
  int executable;
  const char *argument;
  const int *fds; // fds[i] becomes descriptor i
  int fd_count;
  bool new_user_namespace;
  const void *cpus; // a mask of `cpu_bytes`; none: those of the parent
  int cpu_bytes;
  int moved[MAX_FDS];
  bool cpus_refused;
  int error; // set by the child, read by the parent: the memory is shared
};

// exec keeps ignored signals ignored (Node ignores SIGPIPE), so each disposition is reset.
static void default_signals(void) {
  struct { // the kernel's struct sigaction; libc's sigaction() takes locks
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {.handler = NULL};
  for (int number = 1; number <= SIGNALS; number++)
    if (number != SIGKILL && number != SIGSTOP)
      syscall(SYS_rt_sigaction, number, &action, NULL, sizeof action.mask);
}

// Descriptors that sit where another one has to go are moved out of the way first.
static int place_fds(struct spawn *spawn) {
  int count = spawn->fd_count;
  for (int i = 0; i < count; i++) {
    spawn->moved[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, count);
    if (spawn->moved[i] < 0)
      return -1;
  }
  spawn->executable = fcntl(spawn->executable, F_DUPFD_CLOEXEC, count);
  if (spawn->executable < 0)
    return -1;
  for (int i = 0; i < count; i++)
    if (dup2(spawn->moved[i], i) < 0)
      return -1;
  return (int)syscall(SYS_close_range, count, ~0U, CLOSE_RANGE_CLOEXEC);
}

// In a new user namespace the child's uid is not mapped yet and exec would drop every capability, but for
// ambient ones.
static int keep_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0)
    return -1;
  data[0].inheritable = data[0].permitted;
  data[1].inheritable = data[1].permitted;
  if (syscall(SYS_capset, &header, data) < 0)
    return -1;
  for (unsigned long number = 0; number < 64; number++)
    if (data[number / 32].permitted & (1u << number % 32) &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
      return -1;
  return 0;
}

__attribute__((noreturn)) static void child(struct spawn *spawn) {
  const char *const arguments[] = {"tsrun-init", spawn->argument, NULL};
  const char *const environment[] = {NULL};
  default_signals();
  // Before anything else, so that what it does next is done there already.
  spawn->cpus_refused =
      spawn->cpu_bytes > 0 && syscall(SYS_sched_setaffinity, 0, spawn->cpu_bytes, spawn->cpus) < 0;
  if (!spawn->cpus_refused && place_fds(spawn) == 0 &&
      (!spawn->new_user_namespace || keep_capabilities() == 0))
    syscall(SYS_execveat, spawn->executable, "", arguments, environment, AT_EMPTY_PATH);
  spawn->error = errno;
  for (;;)
    syscall(SYS_exit_group, 127);
}

// The child starts on the new stack, so it can't disturb the frame that the parent returns through.
static long clone_onto_stack(struct clone_args *args, struct spawn *spawn) {
  long returned;
#if defined(__x86_64__)
  register void (*entry)(struct spawn *) __asm__("r12") = child;
  register struct spawn *argument __asm__("r13") = spawn;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r13, %%rdi\n\t"
                   "call *%%r12\n\t"
                   "1:"
                   : "=a"(returned)
                   : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(entry), "r"(argument)
                   : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = (long)sizeof *args;
  register long x8 __asm__("x8") = SYS_clone3;
  register void (*entry)(struct spawn *) __asm__("x20") = child;
  register struct spawn *argument __asm__("x21") = spawn;
  __asm__ volatile("svc #0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x0, x21\n\t"
                   "blr x20\n\t"
                   "1:"
                   : "+r"(x0)
                   : "r"(x1), "r"(x8), "r"(entry), "r"(argument)
                   : "memory");
  returned = x0;
#elif defined(__riscv) && __riscv_xlen == 64
  register long a0 __asm__("a0") = (long)args;
  register long a1 __asm__("a1") = (long)sizeof *args;
  register long a7 __asm__("a7") = SYS_clone3;
  register void (*entry)(struct spawn *) __asm__("s2") = child;
  register struct spawn *argument __asm__("s3") = spawn;
  __asm__ volatile("ecall\n\t"
                   "bnez a0, 1f\n\t"
                   "mv a0, s3\n\t"
                   "jalr s2\n\t"
                   "1:"
                   : "+r"(a0)
                   : "r"(a1), "r"(a7), "r"(entry), "r"(argument)
                   : "memory");
  returned = a0;
#else
#error "tsrun runs on x86_64, aarch64 and riscv64"
#endif
  return returned;
}

static long launch(struct spawn *spawn, uint64_t namespaces, int cgroup, int *pidfd) {
  void *stack =
      mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED)
    return -errno;
  struct clone_args args = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | namespaces | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = STACK_SIZE,
      .cgroup = cgroup >= 0 ? (uint64_t)(unsigned)cgroup : 0,
  };
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  long pid = clone_onto_stack(&args, spawn);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  munmap(stack, STACK_SIZE);
  return pid;
}

// Returns the pid. child_fd gets the pidfd, or -2 where the error is about the CPUs.
EXPORT int ts_spawn(int executable, const char *argument, uint32_t namespaces, int cgroup, const int *fds,
                    int fd_count, const void *cpus, int cpu_bytes, int *child_fd) {
  if (fd_count > MAX_FDS)
    return -EMFILE;
  struct spawn spawn = {.executable = executable,
                        .argument = argument,
                        .fds = fds,
                        .fd_count = fd_count,
                        .cpus = cpus,
                        .cpu_bytes = cpu_bytes,
                        .new_user_namespace = namespaces & CLONE_NEWUSER};
  int pidfd = -1;
  long pid = launch(&spawn, namespaces, cgroup, &pidfd);
  if (pid < 0)
    return (int)pid;
  if (spawn.error) {
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED);
    close(pidfd);
    *child_fd = spawn.cpus_refused ? -2 : -1;
    return -spawn.error;
  }
  *child_fd = pidfd;
  return (int)pid;
}
