// MOUNT: what is made new below the root to be.
#include "copy.h"
#include "memory.h"
#include "mount.h"
#include "path.h"
#include "procfs.h"

// A mount over a part of /proc could make what is written there go elsewhere, or show the process a world
// that is not (CVE-2019-16884), and a link in the image may lead there.
int open_mount_point(const struct init *init, const char *path, bool directory, uint64_t resolve) {
  int target = open_target(init, path, directory, resolve);
  if ((resolve & OP_RESOLVE_ON_PROCFS) == 0 && is_procfs(init, target, path))
    violate(&init->report, VIOLATION_PROCFS, path);
  return target;
}

// A tmpfs over a directory of the image has that directory's mode, as engines expect it.
static void keep_mode(const struct init *init, int context, const char *path, uint64_t resolve) {
  int covered = open_in_root(init, path, O_PATH | O_DIRECTORY, resolve);
  // One that is missing is made later, and whatever else is wrong is told then.
  if (covered < 0)
    return;
  struct statx found = stat_of(init, covered, path);
  sys_close(covered);
  char option[] = "mode=0000";
  for (unsigned int digit = 0; digit < 4; digit++)
    option[sizeof option - 2 - digit] += (char)(found.stx_mode >> 3 * digit & 7);
  configure_fs(init, context, option);
}

static int new_mount(const struct init *init, struct mount_fs_op *args) {
  const char *source = args->source.text, *type = args->type.text;
  int context = open_fs(init, type);
  if (source[0] != 0)
    must(&init->report, "fsconfig", sys_fsconfig(context, FSCONFIG_SET_STRING, "source", source), source);
  while (args->options.list.left > 0)
    configure_fs(init, context, next_text(&args->options));
  if ((args->resolve.number & OP_RESOLVE_KEEP_MODE) != 0)
    keep_mode(init, context, args->path.text, args->resolve.number);
  return finish_fs(init, context, args->attributes.number, type);
}

void run_mount_fs(struct init *init, struct mount_fs_op *args) {
  const char *path = args->path.text;
  int mount = new_mount(init, args);
  change_attributes(init, mount, true, args->rec_set.number, args->rec_clear.number, path);
  uint64_t resolve = args->resolve.number;
  int target = open_mount_point(init, path, true, resolve);
  if ((resolve & OP_RESOLVE_COPY_UP) != 0)
    copy_directory(init, target, mount, (resolve & OP_RESOLVE_COPY_MODE) != 0, path);
  attach_at(init, mount, target, path);
  sys_close(target);
  change_propagation(init, mount, args->propagation.number, path);
  sys_close(mount);
}

void run_set_attributes(struct init *init, struct set_attributes_op *args) {
  const char *path = args->path.text;
  int mount = must(&init->report, "openat2", open_in_root(init, path, O_PATH, OP_RESOLVE_IN_ROOT), path);
  change_attributes(init, mount, false, args->set.number, args->clear.number, path);
  change_attributes(init, mount, true, args->rec_set.number, args->rec_clear.number, path);
  change_propagation(init, mount, args->propagation.number, path);
  sys_close(mount);
}

void run_reconfigure(struct init *init, struct reconfigure_op *args) {
  const char *path = args->path.text;
  int mount = must(&init->report, "openat2", open_in_root(init, path, O_PATH, OP_RESOLVE_NO_SYMLINKS), path);
  int context = must(&init->report, "fspick", sys_fspick(mount), path);
  while (args->options.list.left > 0)
    configure_fs(init, context, next_text(&args->options));
  reconfigure_fs(init, context, path);
  sys_close(mount);
}

void run_mkdir(struct init *init, struct mkdir_op *args) {
  struct owner owner = {(uint32_t)args->uid.number, (uint32_t)args->gid.number};
  sys_close(make_directory(init, args->path.text, (uint32_t)args->mode.number, owner));
}

// True if the name is a link to `target`. What is neither a link nor a device, whose place images fill at
// times, is an error.
static bool is_link_to(const struct init *init, int dir, const char *name, const char *target,
                       const char *path) {
  char found[PATH_MAX];
  long length = sys_readlinkat(dir, name, found, sizeof found);
  if (length == -EINVAL) {
    struct statx found_node;
    must(&init->report, "statx", sys_statx(dir, name, AT_SYMLINK_NOFOLLOW, &found_node), path);
    if ((found_node.stx_mode & S_IFMT) != S_IFCHR)
      fail(&init->report, "symlinkat", -EEXIST, path);
    return false;
  }
  must(&init->report, "readlinkat", length, path);
  return (size_t)length == strlen(target) && memcmp(found, target, (size_t)length) == 0;
}

void run_symlink(struct init *init, struct symlink_op *args) {
  const char *target = args->target.text, *path = args->path.text;
  char name[PATH_MAX];
  int dir = keep_parent(init, path, name);
  int made = sys_symlinkat(target, dir, name);
  if (made == -EEXIST && !is_link_to(init, dir, name, target, path)) {
    must(&init->report, "unlinkat", sys_unlinkat(dir, name), path);
    made = sys_symlinkat(target, dir, name);
  } else if (made == -EEXIST) {
    made = 0;
  }
  must(&init->report, "symlinkat", made, path);
}

static uint32_t device_number(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

// An O_PATH descriptor takes no fchmod; before Linux 6.6 its name in a procfs of our own does.
static void set_mode(struct init *init, int fd, uint32_t mode, const char *path) {
  int result = sys_fchmodat2(fd, "", mode, AT_EMPTY_PATH);
  if (result == -ENOSYS)
    result = chmod_by_procfs(init, fd, mode);
  must(&init->report, "fchmodat2", result, path);
}

void run_mknod(struct init *init, struct mknod_op *args) {
  const char *path = args->path.text;
  uint32_t mode = (uint32_t)args->mode.number;
  uint32_t major = (uint32_t)args->major.number, minor = (uint32_t)args->minor.number;
  char name[PATH_MAX];
  int dir = keep_parent(init, path, name);
  int made = sys_mknodat(dir, name, mode, device_number(major, minor));
  if (made < 0 && made != -EEXIST)
    fail(&init->report, "mknodat", made, path);
  int fd = must(&init->report, "openat", sys_openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), path);
  struct statx found = stat_of(init, fd, path);
  if (!is_device(&found, mode & S_IFMT, major, minor)) {
    if (made < 0)
      fail(&init->report, "mknodat", made, path);
    violate(&init->report, VIOLATION_PATH, path);
  }
  if (made == 0 || args->keep.number == 0) {
    struct owner owner = {(uint32_t)args->uid.number, (uint32_t)args->gid.number};
    change_owner(init, fd, &found, owner, path);
    if ((found.stx_mode & 07777) != (mode & 07777))
      set_mode(init, fd, mode & 07777, path);
  }
  sys_close(fd);
}

void run_prepare(struct init *init, struct prepare_op *args) {
  wait_at(init, OP_PREPARE);
}
