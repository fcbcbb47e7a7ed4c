// What the helper does, from its first instruction to execve of /bin/true.
#define _GNU_SOURCE
#include "floor.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MS_SLAVE_REC ((1UL << 19) | (1UL << 14))
#define BIND_REC (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE)

static int root = -1;

static void report(char barrier) {
  const unsigned char frame[] = {3, 0, 0, 0, 0x82, 0, (unsigned char)barrier};
  char released;
  must(write(CONTROL, frame, sizeof frame));
  must(read(CONTROL, &released, 1) - 1);
}

static int in_root(const char *path, unsigned long flags) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static void set_attributes(int mount, unsigned long flags, struct mount_attr attributes) {
  must(syscall(SYS_mount_setattr, mount, "", flags | AT_EMPTY_PATH, &attributes, sizeof attributes));
}

static void attach(int mount, int target) {
  must(syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

static int new_mount(const char *type, const char *const *options, unsigned long attributes) {
  int context = (int)must(syscall(SYS_fsopen, type, 1));
  must(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", type, 0));
  for (; *options != NULL; options += 2)
    must(syscall(SYS_fsconfig, context, options[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[0],
                 options[1], 0));
  must(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  int mount = (int)must(syscall(SYS_fsmount, context, 1, attributes));
  close(context);
  return mount;
}

static void mount_at(const char *path, const char *type, const char *const *options,
                     unsigned long attributes) {
  int mount = new_mount(type, options, attributes);
  int target = in_root(path, O_PATH | O_DIRECTORY);
  if (target < 0) {
    must(mkdirat(root, path + 1, 0755));
    target = (int)must(in_root(path, O_PATH | O_DIRECTORY));
  }
  attach(mount, target);
  close(target);
  close(mount);
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL, NULL})
#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

static void mount_all(void) {
  mount_at("/proc", "proc", OPTIONS(), 0);
  mount_at("/dev", "tmpfs", OPTIONS("mode", "755", "size", "65536k"),
           MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
  mount_at("/dev/pts", "devpts", OPTIONS("newinstance", NULL, "ptmxmode", "0666", "mode", "0620", "gid", "5"),
           QUIET);
  mount_at("/dev/shm", "tmpfs", OPTIONS("mode", "1777", "size", "65536k"), QUIET | MOUNT_ATTR_NODEV);
  mount_at("/dev/mqueue", "mqueue", OPTIONS(), QUIET | MOUNT_ATTR_NODEV);
  mount_at("/sys", "sysfs", OPTIONS(), QUIET | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
}

static void make_device(int dev, const char *name, unsigned major, unsigned minor) {
  must(mknodat(dev, name, S_IFCHR | 0666, makedev(major, minor)));
  int fd = (int)must(openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct statx found;
  must(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &found));
  must(fchownat(fd, "", 0, 0, AT_EMPTY_PATH));
  close(fd);
}

static void make_devices(void) {
  static const struct {
    const char *name;
    unsigned major, minor;
  } devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                 {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  static const char *const links[][2] = {{"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"},
                                         {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
                                         {"/proc/kcore", "core"},       {"pts/ptmx", "ptmx"}};
  int dev = (int)must(in_root("/dev", O_PATH | O_DIRECTORY));
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
    make_device(dev, devices[i].name, devices[i].major, devices[i].minor);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    must(symlinkat(links[i][0], dev, links[i][1]));
  close(dev);
}

static void make_root(void) {
  must(syscall(SYS_mount, NULL, "/", NULL, MS_SLAVE_REC, NULL));
  int host = (int)must(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  set_attributes(host, 0, (struct mount_attr){.propagation = 1UL << 18});
  close(host);
  root = ROOT_TREE;
  must(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
  must(fchdir(root));
  set_attributes(root, AT_RECURSIVE, (struct mount_attr){.propagation = 1UL << 19});
}

static void switch_root(void) {
  must(fchdir(root));
  must(syscall(SYS_pivot_root, ".", "."));
  must(syscall(SYS_mount, NULL, ".", NULL, MS_SLAVE_REC, NULL));
  must(syscall(SYS_umount2, ".", 2));
  must(chdir("/"));
}

static void bring_loopback_up(void) {
  struct ifreq lo = {.ifr_name = "lo"};
  int fd = (int)must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  must(ioctl(fd, SIOCGIFFLAGS, &lo));
  lo.ifr_flags |= IFF_UP;
  must(ioctl(fd, SIOCSIFFLAGS, &lo));
  close(fd);
}

static int clone_mount(int fd) {
  return (int)must(syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}

// A file is covered by /dev/null, a directory by an empty tmpfs (the same for all), what is not there by
// nothing.
static void mask(const char *path, int null) {
  static int empty = -1;
  struct statx found;
  int target = in_root(path, O_PATH);
  if (target < 0)
    return;
  must(statx(target, "", AT_EMPTY_PATH, STATX_TYPE, &found));
  int is_directory = S_ISDIR(found.stx_mode), is_first = is_directory && empty < 0;
  if (is_first)
    empty = new_mount("tmpfs", OPTIONS("nr_blocks", "1", "nr_inodes", "1"), MOUNT_ATTR_RDONLY);
  int mount = is_first ? empty : clone_mount(is_directory ? empty : null);
  attach(mount, target);
  if (!is_first)
    close(mount);
  close(target);
}

static void make_readonly(const char *path) {
  int target = in_root(path, O_PATH);
  if (target < 0)
    return;
  int mount = (int)must(syscall(SYS_open_tree, target, "", BIND_REC));
  set_attributes(mount, AT_RECURSIVE, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY});
  attach(mount, target);
  close(mount);
  close(target);
}

static void protect_paths(void) {
  static const char *const masked[] = {
      "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                         "/proc/sysrq-trigger"};
  int null = (int)must(in_root("/dev/null", O_PATH));
  for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
    mask(masked[i], null);
  close(null);
  for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++)
    make_readonly(readonly[i]);
  set_attributes(root, 0, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY});
}

static void take_identity(void) {
  const unsigned keep = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{.effective = keep, .permitted = keep}, {0}};
  long keyring = must(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "floor"));
  must(syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, 0x3f3f0000));
  must(chdir("/"));
  for (unsigned long number = 0; number <= CAP_CHECKPOINT_RESTORE; number++)
    if (!(number < 32 && keep & 1u << number))
      must(prctl(PR_CAPBSET_DROP, number, 0, 0, 0));
  must(syscall(SYS_setgroups, 0, NULL));
  must(syscall(SYS_setresgid, 0, 0, 0));
  must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  must(syscall(SYS_setresuid, 0, 0, 0));
  must(syscall(SYS_capset, &header, data));
  must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  must(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

void container_init(int task_files) {
  char directory[4096];
  must(prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0));
  for (int i = 0; i < task_files; i++) {
    must(write(TASKS + i, "0", 1));
    close(TASKS + i);
  }
  must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
  must(setsid());
  make_root();
  mount_all();
  make_devices();
  switch_root();
  bring_loopback_up();
  must(sethostname("floor", 5));
  protect_paths();
  take_identity();
  must(faccessat(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS));
  must(syscall(SYS_getcwd, directory, sizeof directory));
  report('c');
  must(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
  close(CONTROL);
  // The lowest free number: the control socket's. execve closes it, which tells the other side that it
  // worked.
  must(accept4(START, NULL, NULL, SOCK_CLOEXEC) - CONTROL);
  must(syscall(SYS_close_range, 4, ~0U, 0));
  must(execve("/bin/true", (char *const[]){"/bin/true", NULL},
              (char *const[]){"PATH=/bin", "TERM=xterm", NULL}));
  __builtin_unreachable();
}
