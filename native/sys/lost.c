// Children of this process that nobody knows: a helper clones them as ours, and can be killed before it has
// said so. One that is a zombie, and that no descriptor of this process means, for a whole second, is
// nobody's: whoever launches it opens a pidfd as soon as it hears of it.
#include "lost.h"
#include "job.h"
#include "sys.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { PATH_SIZE = 64, TEXT_SIZE = 4096, MOST = 64, ENDING_MS = 100, UNHEARD_MS = 1000 };

// What is cut off at the end of `text` is not looked at.
static bool read_text(const char *path, char *text, size_t size) {
  OWNED file = open_path(path, O_RDONLY);
  ssize_t length = file < 0 ? -1 : read(file, text, size - 1);
  text[length < 0 ? 0 : length] = 0;
  return length >= 0;
}

int is_helper(int pid) {
  char path[PATH_SIZE], name[16];
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  return read_text(path, name, sizeof name) && strcmp(name, "tsrun-init\n") == 0;
}

struct found {
  int pids[MOST], count;
};

static void add_helpers(struct found *found, char *children) {
  char *rest;
  for (char *pid = strtok_r(children, " ", &rest); pid != NULL; pid = strtok_r(NULL, " ", &rest))
    if (found->count < MOST && is_helper(atoi(pid)))
      found->pids[found->count++] = atoi(pid);
}

// Of all threads: those of one that has ended are another's.
static struct found find_helpers(void) {
  struct found found = {.count = 0};
  DIR *threads = opendir("/proc/self/task");
  if (threads == NULL)
    return found;
  for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
    char path[PATH_SIZE], children[TEXT_SIZE];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/children", thread->d_name);
    if (thread->d_name[0] != '.' && read_text(path, children, sizeof children))
      add_helpers(&found, children);
  }
  closedir(threads);
  return found;
}

static int pid_meant(const char *fd) {
  char path[PATH_SIZE], text[TEXT_SIZE];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%.20s", fd);
  const char *line = read_text(path, text, sizeof text) ? strstr(text, "\nPid:\t") : NULL;
  return line == NULL ? 0 : atoi(line + strlen("\nPid:\t"));
}

static void leave_out(struct found *found, int pid) {
  for (int i = 0; i < found->count; i++)
    if (found->pids[i] == pid)
      found->pids[i] = 0;
}

// Without the list of descriptors nobody is lost.
static void leave_out_known(struct found *found) {
  DIR *fds = opendir("/proc/self/fdinfo");
  if (fds == NULL) {
    found->count = 0;
    return;
  }
  for (struct dirent *fd; (fd = readdir(fds)) != NULL;)
    if (fd->d_name[0] != '.')
      leave_out(found, pid_meant(fd->d_name));
  closedir(fds);
}

// Ended, and still as before: its number can't have become somebody else's as long as it is not reaped.
static void reap_one(int pid) {
  OWNED pidfd = (int)result(syscall(SYS_pidfd_open, pid, 0));
  siginfo_t info;
  if (pidfd >= 0 && is_helper(pid))
    waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
}

static void sleep_ms(int ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

void reap_lost(void) {
  // Its socket is closed before it is a zombie.
  sleep_ms(ENDING_MS);
  struct found before = find_helpers();
  leave_out_known(&before);
  bool is_any = false;
  for (int i = 0; i < before.count; i++)
    is_any |= before.pids[i] > 0;
  if (!is_any)
    return;
  sleep_ms(UNHEARD_MS);
  leave_out_known(&before);
  for (int i = 0; i < before.count; i++)
    if (before.pids[i] > 0)
      reap_one(before.pids[i]);
}
