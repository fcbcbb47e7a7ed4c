// What becomes of a program if a process that shares its memory is in a cgroup that runs out of memory.
// `sharer PROCS with|without`: PROCS is cgroup.procs of a cgroup with a small limit. A process begins that
// takes more, and with `with` one that shares this one's memory is there too. Exits with 0 when the first has
// ended.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, OURS = 128 << 20, EATEN = 64 << 20, STACK = 64 << 10 };

static char *touched(size_t size) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    _exit(2);
  for (size_t at = 0; at < size; at += PAGE)
    *(volatile char *)(memory + at) = 1;
  return memory;
}

static void put(int procs, int pid) {
  if (dprintf(procs, "%d", pid) < 0)
    _exit(3);
}

static int wait_for_end(void *unused) {
  (void)unused;
  for (;;)
    pause();
  return 0;
}

int main(int count, char **args) {
  int procs = count < 3 ? -1 : open(args[1], O_WRONLY | O_CLOEXEC);
  int go[2];
  if (procs < 0 || pipe(go) < 0)
    return 2;
  // Before there is anything that it could have a copy of.
  int eater = fork();
  if (eater == 0) {
    char byte;
    put(procs, 0);
    if (read(go[0], &byte, 1) == 1)
      touched(EATEN);
    _exit(0);
  }
  touched(OURS);
  int sharer = -1;
  if (strcmp(args[2], "with") == 0) {
    sharer = clone(wait_for_end, touched(STACK) + STACK, CLONE_VM | SIGCHLD, NULL);
    put(procs, sharer);
  }
  int status = 0;
  if (write(go[1], "", 1) != 1 || waitpid(eater, &status, 0) != eater)
    return 4;
  if (sharer > 0)
    kill(sharer, SIGKILL);
  return WIFSIGNALED(status) ? 0 : 5;
}
