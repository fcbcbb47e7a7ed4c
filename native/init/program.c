// Programs of the host, as lib/sys/run-program.ts and host-program.ts write them down: five numbers (of
// arguments, of variables, of cgroups to join, flags, and the descriptor that gets a byte before the program
// begins, or 0), then texts with a NUL at the end of each: the path, the directory that has to be a mount
// point (or ""), the arguments, the variables. The descriptors of the cgroups and of the mount come after it.
#include "program.h"

#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <stdbool.h>

#include "memory.h"
#include "sys.h"

enum { NEW_SESSION = 1, READ_ONLY = 2, DIES_WITH_PARENT = 4, TREE = 8 };

struct program {
  uint32_t args, variables, cgroups, flags, told;
};

static char **read_texts(char **text, uint32_t count) {
  long error;
  char **vector = sys_map((count + 1) * sizeof(char *), -1, &error);
  for (uint32_t i = 0; vector != NULL && i < count; i++) {
    vector[i] = *text;
    *text += strlen(*text) + 1;
  }
  return vector;
}

// The descriptors after that of the program are files by which one joins a cgroup.
static long join_cgroups(int first, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    long written = sys_write(first + (int)i, "0", 1);
    if (written < 0)
      return written;
  }
  return 0;
}

// In a mount namespace of our own, so that nothing is left on the host whatever becomes of us. What the host
// mounts later is seen there still. The mount is the one that we got, or else what the directory is.
static long mount_alone(const char *directory, uint32_t flags, int given) {
  if (directory[0] == 0)
    return 0;
  long failed = sys_unshare(CLONE_NEWNS);
  if (failed == 0)
    failed = sys_mount("/", MS_SLAVE | MS_REC);
  int tree = failed < 0 ? (int)failed : given;
  if (failed == 0 && (flags & TREE) == 0)
    tree = sys_open_tree(AT_FDCWD, directory, OPEN_TREE_CLONE | AT_RECURSIVE);
  if (tree < 0)
    return tree;
  const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
  failed = flags & READ_ONLY ? sys_mount_setattr(tree, 0, &read_only) : 0;
  if (failed == 0)
    failed = sys_move_mount(tree, AT_FDCWD, directory, 0);
  sys_close(tree);
  return failed;
}

long execute_program(int fd) {
  struct statx found;
  long error = sys_statx(fd, "", AT_EMPTY_PATH, &found);
  char *bytes = error < 0 ? NULL : sys_map(found.stx_size, fd, &error);
  if (bytes == NULL)
    return error;
  struct program program;
  memcpy(&program, bytes, sizeof program);
  char *text = bytes + sizeof program;
  const char *path = text;
  const char *directory = text += strlen(text) + 1;
  text += strlen(text) + 1;
  char **args = read_texts(&text, program.args);
  char **variables = read_texts(&text, program.variables);
  if (args == NULL || variables == NULL)
    return -ENOMEM;
  if (program.flags & NEW_SESSION)
    sys_setsid();
  if (program.flags & DIES_WITH_PARENT)
    sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
  error = join_cgroups(fd + 1, program.cgroups);
  if (error == 0)
    error = mount_alone(directory, program.flags, fd + 1 + (int)program.cgroups);
  if (error == 0 && program.told > 0)
    error = sys_write((int)program.told, "", 1);
  return error < 0 ? error : sys_execve(path, args, variables);
}

_Noreturn void become_program(int fd) {
  sys_clear_signal_mask();
  sys_close_range((unsigned int)fd, ~0u, CLOSE_RANGE_CLOEXEC);
  long failed = execute_program(fd);
  sys_exit(failed < 0 ? 127 : 0);
}
