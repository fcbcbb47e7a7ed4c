// An overlay of detached mounts, attached nowhere itself. Before Linux 6.15 the kernel takes only layers that
// are in the mount namespace of the caller, so the calling thread, which is good for nothing else, makes one
// of its own and attaches them there: nothing of it is ever in that of the host.
#include "job.h"
#include "sys.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_SIZE = 16, VALUE_SIZE = 256 };
// <sys/mount.h> contradicts <linux/mount.h> in some releases.
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);

static int attach(int tree, const char *name) {
  return (int)result(syscall(SYS_move_mount, tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH));
}

static int set(int context, const char *key, const char *value) {
  unsigned int command = value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  return (int)result(syscall(SYS_fsconfig, context, command, key, value, 0));
}

static int finish(int context) {
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return -errno;
  return (int)result(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
}

// An empty tmpfs over "/", and into it.
static int enter_stage(void) {
  if (unshare(CLONE_FS | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
    return -errno;
  umask(0);
  OWNED context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (context < 0)
    return -errno;
  OWNED stage = finish(context);
  if (stage < 0)
    return stage;
  int failed = attach(stage, "/");
  return failed < 0 ? failed : (int)result(fchdir(stage));
}

static int put(int tree, const char *name) {
  return mkdir(name, 0700) < 0 ? -errno : attach(tree, name);
}

// The root of the overlay is its upper directory: it gets the mode and owner that the topmost layer has.
static int make_upper(int top) {
  struct stat like;
  if (mkdir("u/work", 0700) < 0 && errno != EEXIST)
    return -errno;
  if (mkdir("u/upper", 0700) < 0)
    return errno == EEXIST ? 0 : -errno;
  if (status_of(top, &like) < 0 || lchown("u/upper", like.st_uid, like.st_gid) < 0)
    return -errno;
  return (int)result(chmod("u/upper", like.st_mode & 07777));
}

// From Linux 6.7 on one by one, else as a list of at most 255 bytes.
static int set_layers(int context, int count, int as_list) {
  char name[NAME_SIZE], list[VALUE_SIZE] = "";
  for (int i = 0, failed; i < count; i++) {
    snprintf(name, sizeof name, "%x", (unsigned int)i);
    if (!as_list && (failed = set(context, "lowerdir+", name)) < 0)
      return failed;
    size_t length = strlen(list);
    if (as_list && snprintf(list + length, sizeof list - length, i == 0 ? "%s" : ":%s", name) >=
                       (int)(sizeof list - length))
      return -E2BIG;
  }
  return as_list ? set(context, "lowerdir", list) : 0;
}

static int configure(int context, int count, int flags) {
  int failed = set_layers(context, count, flags & OVERLAY_LIST);
  // What an upper directory has in it must say what has changed, all by itself.
  static const char *const OPTIONS[][2] = {{"upperdir", "u/upper"},
                                           {"workdir", "u/work"},
                                           {"redirect_dir", "nofollow"},
                                           {"metacopy", "off"},
                                           {"index", "off"}};
  for (size_t i = 0; failed == 0 && i < sizeof OPTIONS / sizeof *OPTIONS; i++)
    failed = set(context, OPTIONS[i][0], OPTIONS[i][1]);
  if (failed == 0 && (flags & OVERLAY_USER_XATTR) != 0)
    failed = set(context, "userxattr", NULL);
  return failed;
}

int make_overlay(const int *trees, int count, int flags) {
  int failed = enter_stage();
  if (failed == 0)
    failed = put(trees[0], "u");
  for (int i = 1; failed == 0 && i < count; i++) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%x", (unsigned int)(i - 1));
    failed = put(trees[i], name);
  }
  if (failed == 0)
    failed = make_upper(trees[1]);
  if (failed < 0)
    return failed;
  OWNED context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
  if (context < 0)
    return -errno;
  failed = configure(context, count - 1, flags);
  return failed < 0 ? failed : finish(context);
}
