// Starts a program of the host: hooks, newuidmap. In place of node:child_process, which forks, and so copies
// the page tables of Node: posix_spawn(3) shares the memory until execve, and stops this thread alone.
#include "job.h"
#include "sys.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

// Splits the texts of `data`; `lists` gets two lists that end with NULL, one after the other. Returns what
// comes after them.
static char *split(struct job *job, char **lists) {
  char *text = job->data;
  for (int i = 0; i < job->first; i++, text += strlen(text) + 1)
    *lists++ = text;
  *lists++ = NULL;
  for (int i = 0; i < job->second; i++, text += strlen(text) + 1)
    *lists++ = text;
  *lists = NULL;
  return text;
}

// In a session of its own, with the signals as a program expects them, and no descriptors but the three.
static int attribute(posix_spawnattr_t *attributes) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  int error = posix_spawnattr_setsigdefault(attributes, &all);
  if (error == 0)
    error = posix_spawnattr_setsigmask(attributes, &none);
  short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
  return error == 0 ? posix_spawnattr_setflags(attributes, flags) : error;
}

static int act(posix_spawn_file_actions_t *actions, const struct job *job, const char *directory) {
  int error = posix_spawn_file_actions_addchdir_np(actions, directory);
  for (int i = 0; i < 3 && error == 0; i++)
    error = posix_spawn_file_actions_adddup2(actions, job->stdio[i], i);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  if (error == 0)
    error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
  return error;
}

static int spawn_it(struct job *job, char **lists, const char *directory) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  pid_t pid;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int error = attribute(&attributes);
  if (error == 0)
    error = act(&actions, job, directory);
  if (error == 0)
    error = posix_spawn(&pid, job->path, &actions, &attributes, lists, lists + job->first + 1);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error ? -error : pid;
}

// "/" if the directory is not there (any more).
static const char *existing(const char *directory) {
  OWNED fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? "/" : directory;
}

int start_program(struct job *job) {
  char **lists = calloc((size_t)job->first + (size_t)job->second + 2, sizeof *lists);
  if (lists == NULL)
    return -ENOMEM;
  const char *directory = split(job, lists);
  int pid = spawn_it(job, lists, existing(directory));
  free(lists);
  if (pid < 0)
    return pid;
  job->made = (int)result(syscall(SYS_pidfd_open, pid, 0));
  if (job->made >= 0)
    return pid;
  int error = job->made;
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    ;
  return error;
}
