#include "mount.h"

#include "memory.h"
#include "path.h"

#define MAX_MESSAGE 512

void attach_at(const struct init *init, int mount, int target, const char *path) {
  int result = sys_move_mount(mount, target, "", MOVE_MOUNT_T_EMPTY_PATH);
  if (result == -EINVAL) {
    // The kernel's word for many things; this is the one that people get wrong.
    struct statx what = stat_of(init, mount, path), where = stat_of(init, target, path);
    if (is_directory(&what) != is_directory(&where))
      result = -ENOTDIR;
  }
  must(&init->report, "move_mount", result, path);
}

static void set_attributes(const struct init *init, int mount, bool recursive,
                           const struct mount_attr *attributes, const char *path) {
  unsigned int flags = recursive ? AT_RECURSIVE : 0;
  must(&init->report, "mount_setattr", sys_mount_setattr(mount, flags, attributes), path);
}

void change_attributes(const struct init *init, int mount, bool recursive, uint64_t set, uint64_t clear,
                       const char *path) {
  if (set != 0 || clear != 0)
    set_attributes(init, mount, recursive, &(struct mount_attr){.attr_set = set, .attr_clr = clear}, path);
}

void change_propagation(const struct init *init, int mount, uint64_t propagation, const char *path) {
  struct mount_attr attributes = {.propagation = propagation & ~(uint64_t)MS_REC};
  if (attributes.propagation != 0)
    set_attributes(init, mount, (propagation & MS_REC) != 0, &attributes, path);
}

int clone_mount(const struct init *init, int fd, unsigned int flags, const char *path) {
  int mount = sys_open_tree(fd, "", flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  return must(&init->report, "open_tree", mount, path);
}

// A file system says what it does not like: "e tmpfs: Bad value for 'size'\n". Appends that to `detail`.
static void append_message(int context, char *detail, size_t size) {
  size_t length = strlen(detail);
  if (length + 3 >= size)
    return;
  long got = sys_read(context, detail + length, size - length - 1);
  if (got <= 2)
    return;
  detail[length] = ':';
  bool ends_line = detail[length + (size_t)got - 1] == '\n';
  detail[length + (size_t)got - (ends_line ? 1 : 0)] = 0;
}

static _Noreturn void fail_mount(const struct init *init, int context, const char *call, long error,
                                 const char *what) {
  char detail[MAX_MESSAGE];
  size_t length = strlen(what);
  if (length >= sizeof detail)
    length = sizeof detail - 1;
  memcpy(detail, what, length);
  detail[length] = 0;
  append_message(context, detail, sizeof detail);
  fail(&init->report, call, error, detail);
}

int open_fs(const struct init *init, const char *type) {
  return must(&init->report, "fsopen", sys_fsopen(type), type);
}

void configure_fs(const struct init *init, int context, char *option) {
  char *value = strchr(option, '=');
  if (value != NULL)
    *value++ = 0;
  unsigned int command = value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  int result = sys_fsconfig(context, command, option, value);
  if (value != NULL)
    *--value = '=';
  if (result < 0)
    fail_mount(init, context, "fsconfig", result, option);
}

int finish_fs(const struct init *init, int context, uint64_t attributes, const char *type) {
  int made = sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL);
  if (made < 0)
    fail_mount(init, context, "fsconfig", made, type);
  int mount = sys_fsmount(context, (unsigned int)attributes);
  if (mount < 0)
    fail_mount(init, context, "fsmount", mount, type);
  sys_close(context);
  return mount;
}

void reconfigure_fs(const struct init *init, int context, const char *path) {
  int done = sys_fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL);
  if (done < 0)
    fail_mount(init, context, "fsconfig", done, path);
  sys_close(context);
}

int try_new_mount(const char *type, unsigned int attributes) {
  int context = sys_fsopen(type);
  if (context < 0)
    return context;
  int mount = sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL);
  if (mount >= 0)
    mount = sys_fsmount(context, attributes);
  sys_close(context);
  return mount;
}
