// Mounts whose ids are mapped, and the user namespaces that say how.
#include "sys.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

enum { STACK_SIZE = 16 * 1024, PATH_SIZE = 64 };

// A namespace exists as long as somebody is in it or holds it. This one is nobody's for longer than it takes
// to open it. The memory is that of the host process, so that there is nothing to copy; nothing in it is
// used.
static int wait_to_be_killed(void *unused) {
  (void)unused;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  for (;;)
    pause();
  return 0;
}

static int write_map(int pid, const char *file, const char *map) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  OWNED fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  return write(fd, map, strlen(map)) < 0 ? -errno : 0;
}

static int open_mapped(int pid, const char *uids, const char *gids) {
  char path[PATH_SIZE];
  int failed = write_map(pid, "uid_map", uids);
  if (failed == 0)
    failed = write_map(pid, "gid_map", gids);
  if (failed < 0)
    return failed;
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  return (int)result(open(path, O_RDONLY | O_CLOEXEC));
}

// A descriptor of a new user namespace with these maps (lines of uid_map and gid_map).
EXPORT int ts_user_namespace(const char *uids, const char *gids) {
  _Alignas(16) char stack[STACK_SIZE];
  sigset_t all, before;
  sigfillset(&all);
  // A handler of the host's must not run in the child, nor be told of its end.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pid = clone(wait_to_be_killed, stack + STACK_SIZE, CLONE_VM | CLONE_NEWUSER, NULL);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (pid < 0)
    return -error;
  int fd = open_mapped(pid, uids, gids);
  kill(pid, SIGKILL);
  // The stack is the child's until it is gone.
  while (waitpid(pid, NULL, (int)__WCLONE) < 0 && errno == EINTR)
    ;
  return own(fd);
}

// Maps the ids of a detached mount as the user namespace does.
EXPORT int ts_idmap(int mount, int user_namespace, int recursive) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint32_t)user_namespace};
  unsigned int flags = AT_EMPTY_PATH | (recursive ? (unsigned int)AT_RECURSIVE : 0);
  return (int)result(syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes));
}

// `options` are `count` texts, each with a NUL at its end; for each `key` or `key=value`.
static int configure(int context, const char *options, int count) {
  for (int i = 0; i < count; i++, options += strlen(options) + 1) {
    char key[PATH_SIZE];
    const char *value = strchr(options, '=');
    size_t length = value == NULL ? strlen(options) : (size_t)(value - options);
    if (length >= sizeof key)
      return -EINVAL;
    memcpy(key, options, length);
    key[length] = 0;
    unsigned int command = value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    if (syscall(SYS_fsconfig, context, command, key, value == NULL ? NULL : value + 1, 0) < 0)
      return -errno;
  }
  return (int)result(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

// A new file system, attached nowhere. What it does not like is told in `message`, in its own words.
EXPORT int ts_new_mount(const char *type, const char *options, int count, char *message, int size) {
  message[0] = 0;
  OWNED context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
  if (context < 0)
    return -errno;
  int failed = configure(context, options, count);
  if (failed < 0) {
    ssize_t length = read(context, message, (size_t)size - 1);
    message[length < 0 ? 0 : length] = 0;
    return failed;
  }
  return own((int)result(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0)));
}
