// Starts the init helper: clone3 with CLONE_VM, so that the cost does not depend on the size of the host
// process, and exec of a sealed memfd. Nobody waits for the exec (no CLONE_VFORK), so the child shares our
// memory while our threads run: it works on a stage of its own, makes raw system calls only (errno is the
// parent's), and takes no lock. It stays in our cgroups and namespaces until it has exec'd: the OOM killer of
// another cgroup would count our memory for it, and kill us with it.
#include "../init/call.h"
#include "sys.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum { STACK_SIZE = 32 * 1024, SIGNALS = 64, MAX_FDS = 1024, ARGUMENT_SIZE = 16, MAX_CPU_BYTES = 1024 };

// What the child needs, in memory that stays until it has exec'd or is gone.
struct stage {
  struct stage *next;
  _Atomic int busy; // cleared by the kernel when the child lets go of our memory
  int executable;
  int fd_count;
  int report;                       // which of `fds` a failure is told on; -1: none
  int cpu_bytes;                    // 0: the CPUs of the parent
  char arguments[2][ARGUMENT_SIZE]; // the second may be empty: there is none
  unsigned char cpus[MAX_CPU_BYTES];
  int fds[MAX_FDS]; // fds[i] becomes descriptor i
  int moved[MAX_FDS];
  _Alignas(16) unsigned char stack[STACK_SIZE];
};

// What could not be done, as the frame on the control socket names it.
enum failure { FAILED_EXEC, FAILED_CPUS };
enum { FAILED = 6 };

// exec keeps ignored signals ignored (Node ignores SIGPIPE), so each disposition is reset.
static void default_signals(void) {
  struct { // the kernel's struct sigaction
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {.handler = NULL};
  for (int number = 1; number <= SIGNALS; number++)
    if (number != SIGKILL && number != SIGSTOP)
      CALL(rt_sigaction, number, &action, NULL, sizeof action.mask);
}

// Descriptors that sit where another one has to go are moved out of the way first.
static long place_fds(struct stage *stage) {
  int count = stage->fd_count;
  for (int i = 0; i < count; i++) {
    stage->moved[i] = (int)CALL(fcntl, stage->fds[i], F_DUPFD_CLOEXEC, count);
    if (stage->moved[i] < 0)
      return stage->moved[i];
  }
  stage->executable = (int)CALL(fcntl, stage->executable, F_DUPFD_CLOEXEC, count);
  if (stage->executable < 0)
    return stage->executable;
  for (int i = 0; i < count; i++) {
    long placed = CALL(dup3, stage->moved[i], i, 0);
    if (placed < 0)
      return placed;
  }
  return CALL(close_range, count, ~0U, CLOSE_RANGE_CLOEXEC);
}

// A frame for lib/launch: its length, then the CBOR array [6, failure, errno].
static void tell(const struct stage *stage, enum failure failure, long error) {
  if (stage->report < 0)
    return;
  const unsigned char high = (unsigned char)(-error >> 8), low = (unsigned char)-error;
  const unsigned char frame[] = {6, 0, 0, 0, 0x83, FAILED, (unsigned char)failure, 0x19, high, low};
  // A copy that nothing has been placed over; if there is none yet, nothing has been placed at all.
  int copy = stage->moved[stage->report];
  CALL(sendto, copy < 0 ? stage->fds[stage->report] : copy, frame, sizeof frame, MSG_NOSIGNAL, 0, 0);
}

__attribute__((noreturn)) static void child(struct stage *stage) {
  const char *second = stage->arguments[1][0] ? stage->arguments[1] : NULL;
  const char *const arguments[] = {"tsrun-init", stage->arguments[0], second, NULL};
  const char *const environment[] = {NULL};
  default_signals();
  // Before anything else, so that what it does next is done there already.
  long failed = stage->cpu_bytes == 0 ? 0 : CALL(sched_setaffinity, 0, stage->cpu_bytes, stage->cpus);
  enum failure failure = failed < 0 ? FAILED_CPUS : FAILED_EXEC;
  if (failed >= 0)
    failed = place_fds(stage);
  if (failed >= 0)
    failed = CALL(execveat, stage->executable, "", arguments, environment, AT_EMPTY_PATH);
  tell(stage, failure, failed);
  for (;;)
    CALL(exit_group, 127);
}

// A system call that makes the child, which starts on the new stack, so it can't disturb the frame that the
// parent returns through.
static long clone_onto_stack(long number, const long given[5], struct stage *stage) {
  long returned;
#if defined(__x86_64__)
  register long fourth __asm__("r10") = given[3];
  register long fifth __asm__("r8") = given[4];
  register void (*entry)(struct stage *) __asm__("r12") = child;
  register struct stage *argument __asm__("r13") = stage;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r13, %%rdi\n\t"
                   "call *%%r12\n\t"
                   "1:"
                   : "=a"(returned)
                   : "a"(number), "D"(given[0]), "S"(given[1]), "d"(given[2]), "r"(fourth), "r"(fifth),
                     "r"(entry), "r"(argument)
                   : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x0 __asm__("x0") = given[0];
  register long x1 __asm__("x1") = given[1];
  register long x2 __asm__("x2") = given[2];
  register long x3 __asm__("x3") = given[3];
  register long x4 __asm__("x4") = given[4];
  register long x8 __asm__("x8") = number;
  register void (*entry)(struct stage *) __asm__("x20") = child;
  register struct stage *argument __asm__("x21") = stage;
  __asm__ volatile("svc #0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x0, x21\n\t"
                   "blr x20\n\t"
                   "1:"
                   : "+r"(x0)
                   : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x8), "r"(entry), "r"(argument)
                   : "memory");
  returned = x0;
#elif defined(__riscv) && __riscv_xlen == 64
  register long a0 __asm__("a0") = given[0];
  register long a1 __asm__("a1") = given[1];
  register long a2 __asm__("a2") = given[2];
  register long a3 __asm__("a3") = given[3];
  register long a4 __asm__("a4") = given[4];
  register long a7 __asm__("a7") = number;
  register void (*entry)(struct stage *) __asm__("s2") = child;
  register struct stage *argument __asm__("s3") = stage;
  __asm__ volatile("ecall\n\t"
                   "bnez a0, 1f\n\t"
                   "mv a0, s3\n\t"
                   "jalr s2\n\t"
                   "1:"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7), "r"(entry), "r"(argument)
                   : "memory");
  returned = a0;
#else
#error "tsrun runs on x86_64, aarch64 and riscv64"
#endif
  return returned;
}

static long by_clone3(struct stage *stage, int *pidfd) {
  struct clone_args args = {
      .flags = CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID,
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .child_tid = (uint64_t)(uintptr_t)&stage->busy,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stage->stack,
      .stack_size = STACK_SIZE,
  };
  const long given[5] = {(long)&args, sizeof args};
  return clone_onto_stack(SYS_clone3, given, stage);
}

// Where a filter of system calls says that there is no clone3, as those of engines do, who can't see its
// flags.
static long by_clone(struct stage *stage, int *pidfd) {
  const long flags = CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID | SIGCHLD;
  const long stack = (long)(stage->stack + STACK_SIZE), busy = (long)&stage->busy;
#if defined(__x86_64__)
  const long given[5] = {flags, stack, (long)pidfd, busy, 0};
#else
  const long given[5] = {flags, stack, (long)pidfd, 0, busy};
#endif
  return clone_onto_stack(SYS_clone, given, stage);
}

// Stages whose children may still be on them: all threads of the process share the list.
static struct stage *_Atomic stages;

static void put_back(struct stage *stage) {
  stage->next = atomic_load(&stages);
  while (!atomic_compare_exchange_weak(&stages, &stage->next, stage))
    ;
}

// One that has been left, and if there is none a new one; NULL: no memory.
static struct stage *take_stage(void) {
  struct stage *left = NULL;
  for (struct stage *next, *stage = atomic_exchange(&stages, NULL); stage != NULL; stage = next) {
    next = stage->next;
    if (left == NULL && atomic_load(&stage->busy) == 0)
      left = stage;
    else
      put_back(stage);
  }
  if (left != NULL)
    return left;
  void *memory = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static long launch(struct stage *stage, int *pidfd) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  atomic_store(&stage->busy, 1);
  long pid = by_clone3(stage, pidfd);
  if (pid == -ENOSYS || pid == -EPERM)
    pid = by_clone(stage, pidfd);
  if (pid < 0)
    atomic_store(&stage->busy, 0);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}

static void furnish(struct stage *stage, const int *fds, const void *cpus) {
  memcpy(stage->fds, fds, (size_t)stage->fd_count * sizeof *fds);
  memcpy(stage->cpus, cpus, (size_t)stage->cpu_bytes);
  if (stage->report >= 0)
    stage->moved[stage->report] = -1;
}

// Returns the pid; child_fd gets the pidfd. What fails after the clone is told as a frame on fds[report].
EXPORT int ts_spawn(int executable, const char *first, const char *second, const int *fds, int fd_count,
                    int report, const void *cpus, int cpu_bytes, int *child_fd) {
  if (fd_count > MAX_FDS || cpu_bytes > MAX_CPU_BYTES || strlen(first) >= ARGUMENT_SIZE ||
      strlen(second) >= ARGUMENT_SIZE)
    return -E2BIG;
  if (report >= fd_count)
    return -EINVAL;
  struct stage *stage = take_stage();
  if (stage == NULL)
    return -ENOMEM;
  stage->executable = executable;
  stage->fd_count = fd_count;
  stage->report = report;
  stage->cpu_bytes = cpu_bytes;
  strcpy(stage->arguments[0], first);
  strcpy(stage->arguments[1], second);
  furnish(stage, fds, cpus);
  long pid = launch(stage, child_fd);
  put_back(stage);
  if (pid >= 0 && own(*child_fd) < 0) {
    kill((pid_t)pid, SIGKILL);
    while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
      ;
    return -ENOMEM;
  }
  return (int)pid;
}
