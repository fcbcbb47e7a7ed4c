// The terminal. Everything about it is taken from descriptors: names below /dev belong to the container
// (CVE-2025-52565).
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/magic.h>

#include "memory.h"
#include "mount.h"
#include "path.h"

#define PTMX_INODE 2
#define MAX_NAME sizeof "/dev/pts/4294967295"

// The multiplexer of the container's own devpts. Nothing else can be opened by mistake: within a devpts there
// is nothing but terminals, and no mount on top of it is entered.
static int open_multiplexer(const struct init *init) {
  int dir = must(&init->report, "openat2",
                 open_in_root(init, "/dev/pts", O_PATH | O_DIRECTORY, OP_RESOLVE_NO_SYMLINKS), "/dev/pts");
  struct statfs system;
  must(&init->report, "fstatfs", sys_fstatfs(dir, &system), "/dev/pts");
  if (system.f_type != DEVPTS_SUPER_MAGIC)
    violate(&init->report, VIOLATION_PATH, "/dev/pts");
  int fd =
      must(&init->report, "openat2", open_beneath(dir, "ptmx", O_RDWR | O_NOCTTY, true), "/dev/pts/ptmx");
  sys_close(dir);
  struct statx found = stat_of(init, fd, "/dev/pts/ptmx");
  if (!is_device(&found, S_IFCHR, 5, 2) || found.stx_ino != PTMX_INODE)
    violate(&init->report, VIOLATION_PATH, "/dev/pts/ptmx");
  return fd;
}

static int open_peer(const struct init *init, int master) {
  int unlock = 0;
  must(&init->report, "ioctl", sys_ioctl(master, TIOCSPTLCK, &unlock), "TIOCSPTLCK");
  void *flags = (void *)(size_t)(O_RDWR | O_NOCTTY | O_CLOEXEC);
  return must(&init->report, "ioctl", sys_ioctl(master, TIOCGPTPEER, flags), "TIOCGPTPEER");
}

static void set_size(const struct init *init, int master, uint64_t rows, uint64_t columns) {
  if (rows == 0 && columns == 0)
    return;
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  must(&init->report, "ioctl", sys_ioctl(master, TIOCSWINSZ, &size), "TIOCSWINSZ");
}

// Before the process writes a byte, so that none comes through with a carriage return.
static void keep_line_feeds(const struct init *init, int peer) {
  struct termios mode;
  must(&init->report, "ioctl", sys_ioctl(peer, TCGETS, &mode), "TCGETS");
  mode.c_oflag &= ~(tcflag_t)ONLCR;
  must(&init->report, "ioctl", sys_ioctl(peer, TCSETS, &mode), "TCSETS");
}

static void name_of(const struct init *init, int master, char name[MAX_NAME]) {
  static const char FOLDER[] = "/dev/pts/";
  uint32_t number;
  must(&init->report, "ioctl", sys_ioctl(master, TIOCGPTN, &number), "TIOCGPTN");
  char digits[10];
  size_t count = 0, length = sizeof FOLDER - 1;
  do
    digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  memcpy(name, FOLDER, length);
  while (count > 0)
    name[length++] = digits[--count];
  name[length] = 0;
}

static void send_master(const struct init *init, int to, int master) {
  char name[MAX_NAME];
  name_of(init, master, name);
  send_descriptor(init, to, master, name);
}

// A file that we make is a mount point and nothing else; the terminal on it is that of the descriptor.
static void bind_console(const struct init *init, int peer) {
  int target = open_target(init, "/dev/console", false, OP_RESOLVE_NO_SYMLINKS);
  int mount = clone_mount(init, peer, 0, "/dev/console");
  attach_at(init, mount, target, "/dev/console");
  sys_close(mount);
  sys_close(target);
}

void run_console(struct init *init, struct console_op *args) {
  int to = take_slot(init, args->slot.number);
  int master = open_multiplexer(init);
  int peer = open_peer(init, master);
  set_size(init, master, args->rows.number, args->columns.number);
  if (args->line_feeds.number == 1)
    keep_line_feeds(init, peer);
  send_master(init, to, master);
  sys_close(to);
  sys_close(master);
  if (args->bind.number == 1)
    bind_console(init, peer);
  for (int fd = 0; fd < 3; fd++)
    must(&init->report, "dup3", sys_dup3(peer, fd, 0), "");
  sys_close(peer);
}

void run_controlling_terminal(struct init *init, struct controlling_terminal_op *args) {
  must(&init->report, "ioctl", sys_ioctl(0, TIOCSCTTY, NULL), "TIOCSCTTY");
}
