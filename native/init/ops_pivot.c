// PIVOT: the container's root becomes ours.
#include "pivot.h"
#include "procfs.h"

static int open_root(const struct init *init) {
  return must(&init->report, "openat", sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "/");
}

// The descriptor that led here is not needed any more; from now on paths are resolved in what "/" is.
static void settle(struct init *init) {
  must(&init->report, "chdir", sys_chdir("/"), "/");
  sys_close(init->root);
  init->root = open_root(init);
  // While we still may: later ops run with fewer privileges.
  if (plan_has(&init->plan, OP_LSM_LABEL) || plan_has(&init->plan, OP_SYSCTL))
    procfs(init);
}

void enter_root(struct init *init) {
  must(&init->report, "fchdir", sys_fchdir(init->root), "");
  must(&init->report, "chroot", sys_chroot("."), "");
  settle(init);
}

void run_pivot_root(struct init *init, struct pivot_root_op *args) {
  int old = open_root(init);
  must(&init->report, "fchdir", sys_fchdir(init->root), "");
  must(&init->report, "pivot_root", sys_pivot_root(".", "."), "");
  // The old root is on top of the new one. Its unmounting must not reach the host.
  must(&init->report, "fchdir", sys_fchdir(old), "");
  must(&init->report, "mount", sys_mount(".", MS_SLAVE | MS_REC), "");
  must(&init->report, "umount2", sys_umount(".", MOUNT_DETACH), "");
  sys_close(old);
  settle(init);
}

void run_chroot(struct init *init, struct chroot_op *args) {
  enter_root(init);
}

// Nothing is changed: what the process may do with the files of the host is up to Landlock.
void run_host_root(struct init *init, struct host_root_op *args) {
  must(&init->report, "chdir", sys_chdir("/"), "/");
  init->root = open_root(init);
}

void run_join_root(struct init *init, struct join_root_op *args) {
  init->root = take_slot(init, args->slot.number);
  enter_root(init);
}
