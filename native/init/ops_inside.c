// INSIDE: the world that the process sees.
#include <linux/sockios.h>

#include "memory.h"
#include "mount.h"
#include "path.h"
#include "procfs.h"

#define ALL_PROTECTED (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

void run_hostname(struct init *init, struct hostname_op *args) {
  const char *name = args->name.text;
  must(&init->report, "sethostname", sys_sethostname(name, strlen(name)), name);
}

void run_domainname(struct init *init, struct domainname_op *args) {
  const char *name = args->name.text;
  must(&init->report, "setdomainname", sys_setdomainname(name, strlen(name)), name);
}

void run_sysctl(struct init *init, struct sysctl_op *args) {
  write_procfs(init, "sys", args->key.text, args->value.text);
}

// struct ifreq; <linux/if.h> wants a libc.
struct interface_request {
  char name[16];
  short flags;
  char rest[22];
};

void run_loopback_up(struct init *init, struct loopback_up_op *args) {
  static const short UP = 1; // IFF_UP
  struct interface_request request = {.name = "lo"};
  int fd = must(&init->report, "socket", sys_socket(SOCKET_INET, SOCKET_DATAGRAM), "lo");
  must(&init->report, "ioctl", sys_ioctl(fd, SIOCGIFFLAGS, &request), "lo");
  request.flags |= UP;
  must(&init->report, "ioctl", sys_ioctl(fd, SIOCSIFFLAGS, &request), "lo");
  sys_close(fd);
}

static bool is_null(const struct statx *found) {
  return is_device(found, S_IFCHR, 1, 3);
}

// An image's /dev/null can be a link or another device, and would be given to the container to write
// (CVE-2025-31133).
static int checked_null(const struct init *init, uint64_t flags) {
  int fd = must(&init->report, "openat2", open_in_root(init, "/dev/null", flags, OP_RESOLVE_NO_SYMLINKS),
                "/dev/null");
  struct statx found = stat_of(init, fd, "/dev/null");
  if (!is_null(&found))
    violate(&init->report, VIOLATION_PATH, "/dev/null");
  return fd;
}

void run_reopen_null(struct init *init, struct reopen_null_op *args) {
  int null = -1;
  for (int fd = 0; fd < 3; fd++) {
    struct statx found = stat_of(init, fd, "");
    if (!is_null(&found))
      continue;
    if (null < 0) {
      // Looked at before it is opened: opening an unknown device may do something.
      sys_close(checked_null(init, O_PATH));
      null = checked_null(init, O_RDWR | O_NOCTTY);
    }
    must(&init->report, "dup3", sys_dup3(null, fd, 0), "/dev/null");
  }
  if (null >= 0)
    sys_close(null);
}

static void mask_file(struct init *init, int target, const char *path) {
  if (init->null < 0)
    init->null = checked_null(init, O_PATH);
  int mount = clone_mount(init, init->null, 0, "/dev/null");
  attach_at(init, mount, target, path);
  sys_close(mount);
}

// A mount can only be cloned once it is attached, so the first directory gets the tmpfs itself.
static void mask_directory(struct init *init, int target, const char *path) {
  if (init->empty >= 0) {
    int mount = clone_mount(init, init->empty, 0, path);
    attach_at(init, mount, target, path);
    sys_close(mount);
    return;
  }
  char source[] = "source=tmpfs", blocks[] = "nr_blocks=1", inodes[] = "nr_inodes=1";
  int context = open_fs(init, "tmpfs");
  configure_fs(init, context, source);
  configure_fs(init, context, blocks);
  configure_fs(init, context, inodes);
  init->empty = finish_fs(init, context, ALL_PROTECTED, "tmpfs");
  attach_at(init, init->empty, target, path);
}

void run_mask_path(struct init *init, struct mask_path_op *args) {
  const char *path = args->path.text;
  int target = open_in_root(init, path, O_PATH, OP_RESOLVE_IN_ROOT);
  if (target == -ENOENT)
    return;
  must(&init->report, "openat2", target, path);
  struct statx found = stat_of(init, target, path);
  if (is_directory(&found))
    mask_directory(init, target, path);
  else
    mask_file(init, target, path);
  sys_close(target);
}

void run_readonly_path(struct init *init, struct readonly_path_op *args) {
  const char *path = args->path.text;
  int target = open_in_root(init, path, O_PATH, OP_RESOLVE_IN_ROOT);
  if (target == -ENOENT)
    return;
  must(&init->report, "openat2", target, path);
  int mount = clone_mount(init, target, AT_RECURSIVE, path);
  change_attributes(init, mount, false, MOUNT_ATTR_RDONLY, 0, path);
  attach_at(init, mount, target, path);
  sys_close(mount);
  sys_close(target);
}

void run_root_attr(struct init *init, struct root_attr_op *args) {
  change_attributes(init, init->root, false, args->set.number, 0, "/");
  change_propagation(init, init->root, args->propagation.number, "/");
}
