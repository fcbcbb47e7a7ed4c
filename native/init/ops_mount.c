// MOUNT: the tree below the root to be.
#include "copy.h"
#include "memory.h"
#include "mount.h"
#include "path.h"
#include "procfs.h"

void run_propagation(struct init *init, struct propagation_op *args) {
  init->propagation = args->flags.number;
  must(&init->report, "mount", sys_mount("/", init->propagation), "/");
}

// A tree that the runtime copied is still a peer of the host's mounts, as those of a new mount namespace are
// until the propagation of "/" is set: what is mounted in it would appear on the host. So it gets the same.
static void leave_peers(const struct init *init, int tree, const char *path) {
  if ((init->propagation & MS_SHARED) != 0)
    return;
  uint64_t kind = (init->propagation & MS_SLAVE) != 0 ? MS_SLAVE : MS_PRIVATE;
  change_propagation(init, tree, kind | MS_REC, path);
}

// On a shared "/" the root to be would appear on the host, and pivot_root would refuse it.
static void make_host_private(struct init *init, uint64_t propagation) {
  int fd = must(&init->report, "openat", sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "/");
  change_propagation(init, fd, propagation, "/");
  sys_close(fd);
}

static void enter_tree(struct init *init, int tree) {
  make_host_private(init, MS_PRIVATE);
  init->root = tree;
  leave_peers(init, init->root, "/");
  // Even if its mounts are to be peers, the root itself is not: what is mounted in it would appear on the
  // host, and pivot_root refuses a shared root. `root_attr` shares the finished one.
  if ((init->propagation & MS_SHARED) != 0)
    change_propagation(init, init->root, MS_PRIVATE, "/");
  must(&init->report, "move_mount", sys_move_mount(init->root, AT_FDCWD, "/", 0), "/");
  must(&init->report, "fchdir", sys_fchdir(init->root), "/");
}

void run_root(struct init *init, struct root_op *args) {
  enter_tree(init, take_slot(init, args->slot.number));
}

// A path is opened a second time, so it may lead elsewhere by now. What the runtime has opened, with the
// rights of its user and on the host as it was, is what counts.
static int copy_checked(struct init *init, uint64_t slot, const char *source, bool recursive) {
  int expected = take_slot(init, slot);
  int found = must(&init->report, "openat", sys_openat(AT_FDCWD, source, O_PATH | O_CLOEXEC, 0), source);
  struct statx was = stat_of(init, expected, source), is = stat_of(init, found, source);
  if (was.stx_dev_major != is.stx_dev_major || was.stx_dev_minor != is.stx_dev_minor ||
      was.stx_ino != is.stx_ino)
    violate(&init->report, VIOLATION_SOURCE, source);
  sys_close(expected);
  int tree = clone_mount(init, found, recursive ? AT_RECURSIVE : 0, source);
  sys_close(found);
  return tree;
}

void run_root_checked(struct init *init, struct root_checked_op *args) {
  enter_tree(init, copy_checked(init, args->slot.number, args->source.text, true));
}

void run_place_root(struct init *init, struct place_root_op *args) {
  const char *path = args->path.text;
  // In a shared mount the root would appear on the host as well.
  if ((init->propagation & MS_SHARED) != 0)
    make_host_private(init, MS_PRIVATE | MS_REC);
  int result = sys_move_mount(init->root, AT_FDCWD, path, 0);
  if (result != -EACCES)
    must(&init->report, "move_mount", result, path);
}

void run_root_dir(struct init *init, struct root_dir_op *args) {
  init->root = take_slot(init, args->slot.number);
}

// A mount over a part of /proc could make what is written there go elsewhere, or show the process a world
// that is not (CVE-2019-16884), and a link in the image may lead there.
static int open_mount_point(const struct init *init, const char *path, bool directory, uint64_t resolve) {
  int target = open_target(init, path, directory, resolve);
  if ((resolve & OP_RESOLVE_ON_PROCFS) == 0 && is_procfs(init, target, path))
    violate(&init->report, VIOLATION_PROCFS, path);
  return target;
}

struct attachment {
  const char *path;
  uint64_t set, clear, rec_set, rec_clear, propagation, resolve;
};

static void attach_tree(struct init *init, int mount, const struct attachment *args) {
  const char *path = args->path;
  struct statx source = stat_of(init, mount, path);
  leave_peers(init, mount, path);
  // Before it can be seen: nobody gets to use it with weaker attributes.
  change_attributes(init, mount, false, args->set, args->clear, path);
  change_attributes(init, mount, true, args->rec_set, args->rec_clear, path);
  if ((args->resolve & OP_RESOLVE_IS_PROCFS) != 0 && !is_whole_procfs(init, mount, path))
    violate(&init->report, VIOLATION_PROCFS, path);
  int target = open_mount_point(init, path, is_directory(&source), args->resolve);
  attach_at(init, mount, target, path);
  sys_close(target);
  // A mount on a shared one becomes shared, so this comes after.
  change_propagation(init, mount, args->propagation, path);
  sys_close(mount);
}

#define ATTACHMENT(args)                                                                                     \
  &(struct attachment) {                                                                                     \
    (args)->path.text, (args)->set.number, (args)->clear.number, (args)->rec_set.number,                     \
        (args)->rec_clear.number, (args)->propagation.number, (args)->resolve.number                         \
  }

void run_attach(struct init *init, struct attach_op *args) {
  attach_tree(init, take_slot(init, args->slot.number), ATTACHMENT(args));
}

void run_attach_checked(struct init *init, struct attach_checked_op *args) {
  bool recursive = args->recursive.number != 0;
  int mount = copy_checked(init, args->slot.number, args->source.text, recursive);
  attach_tree(init, mount, ATTACHMENT(args));
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

// The image has a say in what is there. A procfs elsewhere would have none of its masks (CVE-2019-16884).
void run_attach_inside(struct init *init, struct attach_inside_op *args) {
  const char *source = args->source.text;
  int found =
      must(&init->report, "openat2", open_in_root(init, source, O_PATH, OP_RESOLVE_NO_SYMLINKS), source);
  if (is_procfs(init, found, source))
    violate(&init->report, VIOLATION_PROCFS, source);
  int tree = clone_mount(init, found, args->recursive.number != 0 ? AT_RECURSIVE : 0, source);
  sys_close(found);
  attach_tree(init, tree, ATTACHMENT(args));
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
  int dir = open_parent(init, path, name);
  int made = sys_symlinkat(target, dir, name);
  if (made == -EEXIST && !is_link_to(init, dir, name, target, path)) {
    must(&init->report, "unlinkat", sys_unlinkat(dir, name), path);
    made = sys_symlinkat(target, dir, name);
  } else if (made == -EEXIST) {
    made = 0;
  }
  must(&init->report, "symlinkat", made, path);
  sys_close(dir);
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
  int dir = open_parent(init, path, name);
  int made = sys_mknodat(dir, name, mode, device_number(major, minor));
  if (made < 0 && made != -EEXIST)
    fail(&init->report, "mknodat", made, path);
  int fd = must(&init->report, "openat", sys_openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), path);
  sys_close(dir);
  struct statx found = stat_of(init, fd, path);
  if (!is_device(&found, mode & S_IFMT, major, minor)) {
    if (made < 0)
      fail(&init->report, "mknodat", made, path);
    violate(&init->report, VIOLATION_PATH, path);
  }
  if (made == 0 || args->keep.number == 0) {
    set_owner(init, fd, (struct owner){(uint32_t)args->uid.number, (uint32_t)args->gid.number}, path);
    if ((found.stx_mode & 07777) != (mode & 07777))
      set_mode(init, fd, mode & 07777, path);
  }
  sys_close(fd);
}

void run_prepare(struct init *init, struct prepare_op *args) {
  wait_at(init, OP_PREPARE);
}
