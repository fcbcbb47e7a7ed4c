// time [-m] CYCLES PROGRAM [ARGUMENT...]: runs the program CYCLES times, one after the other, and prints the
// microseconds that each took, a line each; with -m the most memory that it has had, in KiB. `%` in an
// argument becomes the number of the cycle. Small, so that starting a program costs the same and little for
// all, and what a program begins with is less than it needs.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGUMENTS 32

extern char **environ;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void number_arguments(char **arguments, char numbered[MAX_ARGUMENTS][256], char **pointers,
                             int cycle) {
  int i = 0;
  for (; arguments[i] != NULL && i < MAX_ARGUMENTS - 1; i++) {
    const char *mark = strchr(arguments[i], '%');
    pointers[i] = mark == NULL ? arguments[i] : numbered[i];
    if (mark != NULL)
      snprintf(numbered[i], sizeof numbered[i], "%.*s%d%s", (int)(mark - arguments[i]), arguments[i], cycle,
               mark + 1);
  }
  pointers[i] = NULL;
}

static int run(char **arguments, const posix_spawn_file_actions_t *files, struct rusage *usage) {
  pid_t pid;
  int status;
  if (posix_spawnp(&pid, arguments[0], files, NULL, arguments, environ) != 0 ||
      wait4(pid, &status, 0, usage) < 0)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int count, char **arguments) {
  static char numbered[MAX_ARGUMENTS][256];
  char *pointers[MAX_ARGUMENTS];
  posix_spawn_file_actions_t files;
  struct rusage usage;
  int of_memory = count > 1 && strcmp(arguments[1], "-m") == 0;
  arguments += of_memory;
  if (count - of_memory < 3)
    return 2;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  for (int cycle = 0; cycle < atoi(arguments[1]); cycle++) {
    number_arguments(arguments + 2, numbered, pointers, cycle);
    double began = now();
    int status = run(pointers, &files, &usage);
    printf("%.1f\n", of_memory ? (double)usage.ru_maxrss : now() - began);
    if (status != 0) {
      fprintf(stderr, "time: %s ended with %d\n", arguments[2], status);
      return 1;
    }
  }
  return 0;
}
