// Loads a filter program from a file into a child and says what the kernel makes of system calls then.
//   probe FILE FLAGS call NUMBER ARG0 .. ARG5   prints "returned VALUE", "errno NUMBER", "trapped" or "signal
//   NUMBER" probe FILE FLAGS exec PROGRAM ARGS...       executes the program
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct outcome {
  volatile int is_done;
  volatile int is_trapped;
  volatile long value;
};

static struct outcome *outcome;
static struct sock_filter program[4096];

static void trapped(int signal) {
  (void)signal;
  outcome->is_trapped = 1;
}

static void load(const char *path, unsigned flags) {
  int fd = open(path, O_RDONLY);
  ssize_t length = read(fd, program, sizeof program);
  struct sock_fprog prog = {(unsigned short)((size_t)length / sizeof *program), program};
  if (fd < 0 || length <= 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) != 0) {
    perror("probe: the filter can't be loaded");
    exit(99);
  }
}

static void try_call(char **numbers) {
  unsigned long n[7] = {0};
  for (int i = 0; i < 7 && numbers[i]; i++)
    n[i] = strtoul(numbers[i], NULL, 0);
  // The raw value: what the C library would call an errno may be a result of a getter.
  errno = 0;
  long value = syscall((long)n[0], n[1], n[2], n[3], n[4], n[5], n[6]);
  outcome->value = value == -1 && errno != 0 ? -errno : value;
  outcome->is_done = 1;
}

static void print(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
    exit(99);
  if (outcome->is_trapped)
    puts("trapped");
  else if (!outcome->is_done && WIFSIGNALED(status))
    printf("signal %d\n", WTERMSIG(status));
  else if (outcome->value < 0)
    printf("errno %ld\n", -outcome->value);
  else
    printf("returned %ld\n", outcome->value);
}

int main(int argc, char **argv) {
  if (argc < 5)
    return 2;
  unsigned flags = (unsigned)strtoul(argv[2], NULL, 0);
  if (strcmp(argv[3], "exec") == 0) {
    load(argv[1], flags);
    execv(argv[4], argv + 4);
    return 127;
  }
  outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSYS, trapped);
    load(argv[1], flags);
    try_call(argv + 4);
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  print(status);
  return 0;
}
