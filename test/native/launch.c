// Runs the init helper the way the runtime does: launch HELPER PLAN FLAGS SLOT...
// FLAGS are those of clone, in hexadecimal. SLOT is tree:PATH or rtree:PATH (a detached copy of a mount),
// dir:PATH, file:PATH (opened for writing), sealed:PATH (a memory file with its content), listen, or console.
// Barriers are released at once. Frames are written to stderr, one per line in hexadecimal; "start" between
// those of the control socket and those of the start socket; what comes out of the terminal goes to stdout.
// Last is "exit N".
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SLOTS 128
#define CONTROL_FD 3
#define BY_CLONE ((unsigned long)(CLONE_NEWUSER | CLONE_NEWPID))

static struct sockaddr_un start_address = {.sun_family = AF_UNIX};
static socklen_t start_length;
static int console = -1;

static int check(int result, const char *what) {
  if (result < 0)
    err(2, "%s", what);
  return result;
}

static int sealed_copy(const char *path) {
  char bytes[65536];
  int from = check(open(path, O_RDONLY | O_CLOEXEC), path);
  int to = check(memfd_create("slot", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");
  for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;)
    check((int)write(to, bytes, (size_t)got), "write");
  close(from);
  check(fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), "F_ADD_SEALS");
  return to;
}

static int detached_tree(const char *path, unsigned int flags) {
  flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  return check((int)syscall(SYS_open_tree, AT_FDCWD, path, flags), path);
}

// An abstract name that the kernel chooses.
static int start_listener(void) {
  int fd = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(bind(fd, (struct sockaddr *)&start_address, sizeof(sa_family_t)), "bind");
  start_length = sizeof start_address;
  check(getsockname(fd, (struct sockaddr *)&start_address, &start_length), "getsockname");
  check(listen(fd, 1), "listen");
  return fd;
}

static int console_socket(void) {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  console = ends[0];
  return ends[1];
}

static int open_slot(const char *slot) {
  const char *path = strchr(slot, ':');
  path = path == NULL ? "" : path + 1;
  if (strncmp(slot, "tree:", 5) == 0)
    return detached_tree(path, 0);
  if (strncmp(slot, "rtree:", 6) == 0)
    return detached_tree(path, AT_RECURSIVE);
  if (strncmp(slot, "dir:", 4) == 0)
    return check(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), path);
  if (strncmp(slot, "file:", 5) == 0)
    return check(open(path, O_WRONLY | O_CLOEXEC), path);
  if (strncmp(slot, "sealed:", 7) == 0)
    return sealed_copy(path);
  return strcmp(slot, "listen") == 0 ? start_listener() : console_socket();
}

// The exec that follows drops all capabilities that are not ambient where uid 0 is not mapped yet.
static void keep_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  check((int)syscall(SYS_capget, &header, data), "capget");
  for (int i = 0; i < 2; i++)
    data[i].inheritable = data[i].permitted;
  check((int)syscall(SYS_capset, &header, data), "capset");
  for (int capability = 0; prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0; capability++)
    continue;
}

static _Noreturn void become_helper(const char *helper, int control, unsigned long flags) {
  char later[24];
  check(dup2(control, CONTROL_FD), "dup2");
  check((int)syscall(SYS_close_range, CONTROL_FD + 1, ~0U, 0), "close_range");
  if (flags & CLONE_NEWUSER)
    keep_capabilities();
  snprintf(later, sizeof later, "%lu", flags & ~BY_CLONE);
  char *args[] = {"tsrun-init", "3", later, NULL}, *env[] = {NULL};
  execve(helper, args, env);
  err(2, "%s", helper);
}

// The plan and its slots.
static void hand_over(int control, const int *fds, int count) {
  char last = 0;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE((MAX_SLOTS + 1) * sizeof(int))];
  } message_fds = {0};
  struct iovec payload = {&last, 1};
  struct msghdr message = {.msg_iov = &payload,
                           .msg_iovlen = 1,
                           .msg_control = &message_fds,
                           .msg_controllen = CMSG_SPACE((size_t)count * sizeof *fds)};
  message_fds.header.cmsg_level = SOL_SOCKET;
  message_fds.header.cmsg_type = SCM_RIGHTS;
  message_fds.header.cmsg_len = CMSG_LEN((size_t)count * sizeof *fds);
  memcpy(CMSG_DATA(&message_fds.header), fds, (size_t)count * sizeof *fds);
  // It may have ended already: its report says why.
  if (sendmsg(control, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    err(2, "sendmsg");
}

static void write_map(pid_t pid, const char *file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  int fd = check(open(path, O_WRONLY | O_CLOEXEC), path);
  check((int)write(fd, "0 0 65536", 9), path);
  close(fd);
}

// Shows a frame and returns its first two numbers; false at the end of file.
static int next_frame(int socket, unsigned char frame[2048]) {
  uint32_t length;
  if (recv(socket, &length, sizeof length, MSG_WAITALL) != sizeof length)
    return 0;
  if (length > 2048 || recv(socket, frame, length, MSG_WAITALL) != (ssize_t)length)
    errx(2, "a frame of %u bytes", length);
  for (uint32_t i = 0; i < length; i++)
    fprintf(stderr, "%02x", frame[i]);
  fprintf(stderr, "\n");
  return 1;
}

static _Noreturn void abandon(pid_t pid) {
  fprintf(stderr, "abandoned %d\n", pid);
  kill(getpid(), SIGKILL);
  for (;;)
    pause();
}

static pid_t converse(int control, pid_t pid, int is_in_new_user, int abandons) {
  unsigned char frame[2048] = {0};
  while (next_frame(control, frame)) {
    if (frame[1] == 1)
      pid = (pid_t)((uint32_t)frame[3] << 24 | (uint32_t)frame[4] << 16 | (uint32_t)frame[5] << 8 | frame[6]);
    if (frame[1] != 0)
      continue;
    if (abandons)
      abandon(pid);
    // The first barrier of a new user namespace is `map`.
    unsigned char code = frame[2] == 0x1a ? frame[6] : frame[2];
    if (is_in_new_user) {
      write_map(pid, "uid_map");
      write_map(pid, "gid_map");
      is_in_new_user = 0;
    }
    check((int)write(control, &code, 1), "release");
  }
  return pid;
}

static void show_private_memory(pid_t pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(path, "re");
  unsigned long total = 0, kib;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "Private_%*[^:]: %lu", &kib) == 1)
      total += kib;
  fprintf(stderr, "private %lu\n", total);
  if (file != NULL)
    fclose(file);
}

static int start(pid_t pid) {
  unsigned char frame[2048];
  show_private_memory(pid);
  int fd = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  if (connect(fd, (struct sockaddr *)&start_address, start_length) < 0)
    return 0;
  fprintf(stderr, "start\n");
  while (next_frame(fd, frame))
    continue;
  return close(fd) == 0;
}

static int receive_console(char *name, size_t size) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec payload = {name, size - 1};
  struct msghdr message = {
      .msg_iov = &payload, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(console, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0)
    return -1;
  name[got] = 0;
  int fd;
  memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
  return fd;
}

static void show_console(void) {
  char name[64], bytes[4096];
  int master = receive_console(name, sizeof name);
  if (master < 0)
    return;
  printf("terminal %s\n", name);
  fflush(stdout);
  for (ssize_t got; (got = read(master, bytes, sizeof bytes)) > 0;)
    check((int)write(1, bytes, (size_t)got), "write");
}

int main(int argc, char **argv) {
  if (argc < 4 || argc - 4 > MAX_SLOTS)
    errx(2, "usage: launch HELPER PLAN FLAGS SLOT...");
  unsigned long flags = strtoul(argv[3], NULL, 16);
  int abandons = argc > 4 && strcmp(argv[4], "abandon") == 0;
  int is_in_new_user = (flags & CLONE_NEWUSER) != 0;
  int control[2], fds[MAX_SLOTS + 1], count = 1;
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), "socketpair");
  fds[0] = sealed_copy(argv[2]);
  for (int i = 4 + abandons; i < argc; i++)
    fds[count++] = open_slot(argv[i]);
  pid_t pid = (pid_t)syscall(SYS_clone, (flags & BY_CLONE) | SIGCHLD, 0, 0, 0, 0);
  if (check(pid, "clone") == 0)
    become_helper(argv[1], control[1], flags);
  close(control[1]);
  hand_over(control[0], fds, count);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  pid = converse(control[0], pid, is_in_new_user, abandons);
  if (start_length > 0)
    start(pid);
  if (console >= 0)
    show_console();
  int status;
  check(waitpid(pid, &status, 0), "waitpid");
  fprintf(stderr, "exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
