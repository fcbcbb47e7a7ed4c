// move_root: if the kernel can't pivot (the host runs from its initial ramfs), the host's mounts stay
// below ours. The kernel lets a container with a user namespace mount a new procfs or sysfs only if one that
// is fully visible is in its mount namespace already; the host's would be, so they go, or are covered.
#include "memory.h"
#include "mount.h"
#include "pivot.h"
#include "procfs.h"

#define MAX_TABLE (4u << 20)

static char *read_mounts(struct init *init) {
  static const char PATH[] = "thread-self/mountinfo";
  long error;
  int fd = must(&init->report, "openat", sys_openat(procfs(init), PATH, O_RDONLY | O_CLOEXEC, 0), PATH);
  char *table = sys_map(MAX_TABLE, -1, &error);
  must(&init->report, "mmap", error, PATH);
  size_t length = 0;
  for (long got = 1; got > 0; length += (size_t)got) {
    got = must(&init->report, "read", sys_read(fd, table + length, MAX_TABLE - 1 - length), PATH);
    if (length + (size_t)got == MAX_TABLE - 1)
      fail(&init->report, "read", -EFBIG, PATH);
  }
  sys_close(fd);
  return table;
}

// Cuts off what is before the next `end`; if there is none, all of it.
static char *cut(char **rest, char end) {
  char *start = *rest, *found = strchr(start, end);
  *rest = found == NULL ? start + strlen(start) : found + 1;
  if (found != NULL)
    *found = 0;
  return start;
}

// The kernel writes white space and backslashes as \ooo.
static void unescape(char *text) {
  char *out = text;
  for (const char *in = text; *in != 0; out++) {
    bool octal = in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
                 in[3] >= '0' && in[3] <= '7';
    *out = octal ? (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0')) : *in;
    in += octal ? 4 : 1;
  }
  *out = 0;
}

// What can't be unmounted, such as a mount that a user namespace has inherited, is covered. The path may lead
// to something else than the table meant, for the new root is not seen from here: then a cover does no harm.
static void hide(const struct init *init, const char *path) {
  if (sys_umount(path, MOUNT_DETACH) == 0)
    return;
  int target = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (target == -ENOENT || target == -ENOTDIR)
    return;
  must(&init->report, "openat", target, path);
  int cover = must(&init->report, "fsmount", try_new_mount("tmpfs", MOUNT_ATTR_RDONLY), "tmpfs");
  attach_at(init, cover, target, path);
  sys_close(cover);
  sys_close(target);
}

// id parent device root target options [field...] - type source options
static void hide_where_full(const struct init *init, char *line) {
  for (int field = 0; field < 3; field++)
    cut(&line, ' ');
  const char *root = cut(&line, ' ');
  char *target = cut(&line, ' ');
  while (*line != 0 && strcmp(cut(&line, ' '), "-") != 0)
    continue;
  const char *type = cut(&line, ' ');
  if (strcmp(root, "/") != 0 || (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0))
    return;
  unescape(target);
  hide(init, target);
}

void run_move_root(struct init *init, struct move_root_op *args) {
  // Unmounting would reach the host.
  if ((init->propagation & MS_SHARED) != 0)
    fail(&init->report, "umount2", -EINVAL, "shared propagation");
  // Over "/" it is out of sight for what follows.
  if (plan_has(&init->plan, OP_PLACE_ROOT))
    must(&init->report, "move_mount", sys_move_mount(init->root, AT_FDCWD, "/", 0), "/");
  char *table = read_mounts(init), *rest = table;
  while (*rest != 0)
    hide_where_full(init, cut(&rest, '\n'));
  sys_unmap(table, MAX_TABLE);
  enter_root(init);
}
