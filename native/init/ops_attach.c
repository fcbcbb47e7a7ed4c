// MOUNT: what is there already, and gets another place: the root, and the sources of bind mounts.
#include "memory.h"
#include "mount.h"
#include "path.h"
#include "procfs.h"

#define MAX_BELOW 128
#define LOCKABLE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

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
void make_host_private(const struct init *init, uint64_t propagation) {
  int fd = must(&init->report, "openat", sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "/");
  change_propagation(init, fd, propagation, "/");
  sys_close(fd);
}

void enter_tree(struct init *init, int tree) {
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
static void check_same(const struct init *init, int expected, int found, const char *source) {
  struct statx was = stat_of(init, expected, source), is = stat_of(init, found, source);
  if (was.stx_dev_major != is.stx_dev_major || was.stx_dev_minor != is.stx_dev_minor ||
      was.stx_ino != is.stx_ino)
    violate(&init->report, VIOLATION_SOURCE, source);
}

int copy_checked(struct init *init, uint64_t slot, const char *source, bool recursive) {
  int expected = take_slot(init, slot);
  int found = must(&init->report, "openat", sys_openat(AT_FDCWD, source, O_PATH | O_CLOEXEC, 0), source);
  check_same(init, expected, found, source);
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

// Whatever is mounted below it goes with it, so nothing may be mounted below a directory of the host's own.
void run_root_over(struct init *init, struct root_over_op *args) {
  init->root = take_slot(init, args->slot.number);
  struct statx found = stat_of(init, init->root, "/");
  if ((found.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    fail(&init->report, "statx", -EINVAL, "/");
}

struct attachment {
  const char *path;
  uint64_t set, clear, implied, rec_set, rec_clear, propagation, resolve;
};

// What the mount forbids. ST_RDONLY to ST_NOEXEC of statfs have the numbers of MOUNT_ATTR_RDONLY and so on.
static uint64_t locks_of(const struct init *init, int mount, const char *path) {
  struct statfs found;
  must(&init->report, "fstatfs", sys_fstatfs(mount, &found), path);
  return (uint64_t)found.f_flags & LOCKABLE;
}

static void keep_locks(const struct init *init, int mount, uint64_t clear, const char *path) {
  if ((clear & locks_of(init, mount, path)) != 0)
    fail(&init->report, "mount_setattr", -EPERM, path);
}

// Nobody has asked for these to be absent in so many words: what the kernel has locked stays.
static void clear_implied(const struct init *init, int mount, uint64_t implied, const char *path) {
  struct mount_attr attributes = {.attr_clr = implied};
  if (implied != 0 && sys_mount_setattr(mount, 0, &attributes) != 0)
    change_attributes(init, mount, false, 0, implied & ~locks_of(init, mount, path), path);
}

// Leaves `mount` open.
static void place_tree(struct init *init, int mount, const struct attachment *args) {
  const char *path = args->path;
  struct statx source = stat_of(init, mount, path);
  leave_peers(init, mount, path);
  // Before it can be seen: nobody gets to use it with weaker attributes.
  if ((args->resolve & OP_RESOLVE_KEEP_LOCKS) != 0)
    keep_locks(init, mount, args->clear | args->rec_clear, path);
  clear_implied(init, mount, args->implied, path);
  change_attributes(init, mount, false, args->set, args->clear, path);
  change_attributes(init, mount, true, args->rec_set, args->rec_clear, path);
  if ((args->resolve & OP_RESOLVE_IS_PROCFS) != 0 && !is_whole_procfs(init, mount, path))
    violate(&init->report, VIOLATION_PROCFS, path);
  int target = open_mount_point(init, path, is_directory(&source), args->resolve);
  attach_at(init, mount, target, path);
  sys_close(target);
  // A mount on a shared one becomes shared, so this comes after.
  change_propagation(init, mount, args->propagation, path);
}

static void attach_tree(struct init *init, int mount, const struct attachment *args) {
  place_tree(init, mount, args);
  sys_close(mount);
}

#define ATTACHMENT(args)                                                                                     \
  &(struct attachment) {                                                                                     \
    (args)->path.text, (args)->set.number, (args)->clear.number, (args)->implied.number,                     \
        (args)->rec_set.number, (args)->rec_clear.number, (args)->propagation.number, (args)->resolve.number \
  }

void run_attach(struct init *init, struct attach_op *args) {
  attach_tree(init, take_slot(init, args->slot.number), ATTACHMENT(args));
}

void run_attach_checked(struct init *init, struct attach_checked_op *args) {
  bool recursive = args->recursive.number != 0;
  int mount = copy_checked(init, args->slot.number, args->source.text, recursive);
  attach_tree(init, mount, ATTACHMENT(args));
}

// The image has a say in what is there. A procfs elsewhere would have none of its masks (CVE-2019-16884).
static int clone_inside(const struct init *init, int from, const char *source, bool recursive) {
  if (is_procfs(init, from, source))
    violate(&init->report, VIOLATION_PROCFS, source);
  return clone_mount(init, from, recursive ? AT_RECURSIVE : 0, source);
}

static int open_inside(const struct init *init, const char *source) {
  return must(&init->report, "openat2", open_in_root(init, source, O_PATH, OP_RESOLVE_NO_SYMLINKS), source);
}

void run_attach_inside(struct init *init, struct attach_inside_op *args) {
  const char *source = args->source.text;
  int found = open_inside(init, source);
  int tree = clone_inside(init, found, source, args->recursive.number != 0);
  sys_close(found);
  attach_tree(init, tree, ATTACHMENT(args));
}

// A place below a directory, by no link.
static int open_below(const struct init *init, int dir, const char *name) {
  int fd = open_beneath(dir, name, O_PATH, false);
  if (fd == -ELOOP)
    violate(&init->report, VIOLATION_PATH, name);
  return must(&init->report, "openat2", fd, name);
}

struct copy {
  const char *name;
  int tree;
};

static struct copy copy_below(const struct init *init, int found, const char *name) {
  int from = open_below(init, found, name);
  int tree = clone_inside(init, from, name, true);
  leave_peers(init, tree, name);
  sys_close(from);
  return (struct copy){name, tree};
}

static void attach_below(const struct init *init, int mount, const struct copy *copy) {
  int target = open_below(init, mount, copy->name);
  attach_at(init, copy->tree, target, copy->name);
  sys_close(target);
  sys_close(copy->tree);
}

void run_attach_mapped(struct init *init, struct attach_mapped_op *args) {
  const char *source = args->source.text;
  int mount = take_slot(init, args->slot.number), found = open_inside(init, source);
  check_same(init, mount, found, source);
  struct copy copies[MAX_BELOW];
  size_t count = 0;
  if (args->below.list.left > MAX_BELOW)
    fail(&init->report, "open_tree", -E2BIG, source);
  // All of them before the first is attached: that may be in what the next is a copy of.
  while (args->below.list.left > 0)
    copies[count++] = copy_below(init, found, next_text(&args->below));
  sys_close(found);
  place_tree(init, mount, ATTACHMENT(args));
  for (size_t i = 0; i < count; i++)
    attach_below(init, mount, &copies[i]);
  sys_close(mount);
}
