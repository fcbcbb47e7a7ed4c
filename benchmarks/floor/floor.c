// floor ROOTFS STATE CYCLES: makes and ends CYCLES containers with their state below the directory STATE, and
// prints the microseconds that each took, a line each.
#define _GNU_SOURCE
#include "floor.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS)
#define STATE_SIZE 1500
#define CONFIG_SIZE 3000

struct hierarchy {
  char parent[256];
  char path[300];
  int version;
  int is_cpuset;
  int is_devices;
};

struct container {
  char directory[80];
  int lock;
  int control;
  int pidfd;
  int listening;
  pid_t pid;
};

static struct hierarchy hierarchies[MAX_HIERARCHIES];
static int hierarchy_count;
static int has_devices_v1;
static int executable;
static const char *rootfs;

static int open_in(const char *directory, const char *name, int flags) {
  char path[400];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return (int)must(open(path, flags | O_CLOEXEC, 0600));
}

static void find_hierarchies(void) {
  char device[256], path[256], type[64], options[512];
  FILE *mounts = fopen("/proc/self/mounts", "re");
  while (mounts != NULL &&
         fscanf(mounts, "%255s %255s %63s %511s %*d %*d", device, path, type, options) == 4) {
    int version = strcmp(type, "cgroup") == 0 ? 1 : strcmp(type, "cgroup2") == 0 ? 2 : 0;
    if (version == 0 || hierarchy_count == MAX_HIERARCHIES)
      continue;
    struct hierarchy *hierarchy = &hierarchies[hierarchy_count++];
    snprintf(hierarchy->parent, sizeof hierarchy->parent, "%s", path);
    snprintf(hierarchy->path, sizeof hierarchy->path, "%s/floor-%d", path, getpid());
    hierarchy->version = version;
    hierarchy->is_cpuset = version == 1 && strstr(options, "cpuset") != NULL;
    hierarchy->is_devices = version == 1 && strstr(options, "devices") != NULL;
    has_devices_v1 |= hierarchy->is_devices;
  }
  if (mounts != NULL)
    fclose(mounts);
}

// Nothing that a container can reach is a file of the host, so the program is run from sealed memory.
static int sealed_self(void) {
  char buffer[65536];
  ssize_t count;
  int self = (int)must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  int memory = (int)must(memfd_create("floor", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  while ((count = must(read(self, buffer, sizeof buffer))) > 0)
    must(write(memory, buffer, (size_t)count));
  must(fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
  close(self);
  // Out of the way of the numbers that the child gives its descriptors.
  int moved = (int)must(fcntl(memory, F_DUPFD_CLOEXEC, 200));
  close(memory);
  return moved;
}

static void write_file(const char *directory, const char *name, int flags, size_t size) {
  static const char content[CONFIG_SIZE];
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = (int)must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));
  must(write(fd, content, size));
  close(fd);
}

static void append_state(const struct container *container) {
  write_file(container->directory, "state", O_APPEND, STATE_SIZE);
}

static void copy_setting(const struct hierarchy *hierarchy, const char *name) {
  char value[256];
  int from = open_in(hierarchy->parent, name, O_RDONLY);
  ssize_t length = must(read(from, value, sizeof value));
  int to = open_in(hierarchy->path, name, O_WRONLY);
  must(write(to, value, (size_t)length));
  close(from);
  close(to);
}

static void make_cgroups(void) {
  for (int i = 0; i < hierarchy_count; i++) {
    must(mkdir(hierarchies[i].path, 0755));
    if (hierarchies[i].is_cpuset) {
      copy_setting(&hierarchies[i], "cpuset.cpus");
      copy_setting(&hierarchies[i], "cpuset.mems");
    }
    if (hierarchies[i].is_devices)
      limit_devices_v1(hierarchies[i].path);
    if (hierarchies[i].version == 2 && !has_devices_v1)
      limit_devices_v2(hierarchies[i].path);
  }
}

static void remove_cgroups(void) {
  for (int i = 0; i < hierarchy_count; i++)
    must(rmdir(hierarchies[i].path));
}

// Like vfork: the child borrows the memory until it has exec'd, so that nothing is copied.
static inline __attribute__((always_inline)) long clone_vfork(struct clone_args *args) {
  long returned;
#if defined(__x86_64__)
  __asm__ volatile("syscall"
                   : "=a"(returned)
                   : "a"(SYS_clone3), "D"(args), "S"(sizeof *args)
                   : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = (long)sizeof *args;
  register long x8 __asm__("x8") = SYS_clone3;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
  returned = x0;
#else
#error "the benchmark runs on x86_64 and aarch64"
#endif
  return returned;
}

static __attribute__((noreturn)) void become_init(const int *fds, int count) {
  char argument[12];
  for (int i = 0; i < count; i++)
    must(fcntl(fds[i], F_DUPFD_CLOEXEC, 64 + i));
  for (int i = 0; i < count; i++)
    must(dup2(64 + i, CONTROL + i));
  must(syscall(SYS_close_range, CONTROL + count, ~0U, CLOSE_RANGE_CLOEXEC));
  snprintf(argument, sizeof argument, "%d", count - (TASKS - CONTROL));
  must(syscall(SYS_execveat, executable, "", (char *const[]){"floor", argument, NULL}, (char *const[]){NULL},
               AT_EMPTY_PATH));
  __builtin_unreachable();
}

static void spawn(struct container *container, const int *fds, int count, int cgroup) {
  sigset_t all, before;
  struct clone_args args = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | NAMESPACES | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (__u64)(unsigned long)&container->pidfd,
      .exit_signal = SIGCHLD,
      .cgroup = cgroup >= 0 ? (__u64)cgroup : 0,
  };
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  long pid = clone_vfork(&args);
  if (pid == 0)
    become_init(fds, count);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (pid < 0)
    errno = (int)-pid;
  container->pid = (pid_t)must(pid < 0 ? -1 : pid);
}

static int listen_at(const char *directory, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(address->sun_path, sizeof address->sun_path, "%.90s/start", directory);
  int listening = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(bind(listening, (struct sockaddr *)address, sizeof *address));
  must(listen(listening, 1));
  return listening;
}

// Opens what the child inherits, starts it, and closes what only the child needs.
static void launch(struct container *container, int listening) {
  int fds[3 + MAX_HIERARCHIES], count = 0, pair[2], cgroup = -1;
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  container->control = pair[0];
  fds[count++] = pair[1];
  fds[count++] = listening;
  fds[count++] =
      (int)must(syscall(SYS_open_tree, AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  for (int i = 0; i < hierarchy_count; i++) {
    if (hierarchies[i].version == 2)
      cgroup = (int)must(open(hierarchies[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    else
      fds[count++] = open_in(hierarchies[i].path, "tasks", O_WRONLY);
  }
  spawn(container, fds, count, cgroup);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  if (cgroup >= 0)
    close(cgroup);
}

static void read_start_time(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = (int)must(open(path, O_RDONLY | O_CLOEXEC));
  must(read(fd, text, sizeof text));
  close(fd);
}

static void create(struct container *container, struct sockaddr_un *address) {
  char frame[64];
  struct rlimit limit = {1024, 1024};
  must(mkdir(container->directory, 0711));
  container->lock = (int)must(open(container->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  must(flock(container->lock, LOCK_EX | LOCK_NB));
  append_state(container);
  write_file(container->directory, "config.cbor", O_EXCL, CONFIG_SIZE);
  make_cgroups();
  launch(container, listen_at(container->directory, address));
  read_start_time(container->pid);
  append_state(container);
  must(read(container->control, frame, sizeof frame) - 1);
  must(prlimit(container->pid, RLIMIT_NOFILE, &limit, NULL));
  append_state(container);
  must(write(container->control, frame, 1));
  close(container->control);
  close(container->lock);
}

static void start(struct container *container, const struct sockaddr_un *address) {
  char end, text[8192];
  container->lock = (int)must(open(container->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  must(flock(container->lock, LOCK_EX | LOCK_NB));
  int state = open_in(container->directory, "state", O_RDONLY);
  must(read(state, text, sizeof text));
  close(state);
  read_start_time(container->pid);
  int connection = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(connect(connection, (const struct sockaddr *)address, sizeof *address));
  must(read(connection, &end, 1));
  close(connection);
  append_state(container);
  close(container->lock);
}

static void wait_for(struct container *container) {
  struct pollfd ended = {.fd = container->pidfd, .events = POLLIN};
  siginfo_t info;
  must(poll(&ended, 1, -1));
  must(waitid(P_PIDFD, (id_t)container->pidfd, &info, WEXITED));
  if (info.si_code != CLD_EXITED || info.si_status != 0) {
    fprintf(stderr, "floor: the container ended with %d\n", info.si_status);
    exit(1);
  }
  close(container->pidfd);
}

static void delete (struct container *container) {
  static const char *const files[] = {"state", "config.cbor", "start"};
  container->lock = (int)must(open(container->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  must(flock(container->lock, LOCK_EX | LOCK_NB));
  remove_cgroups();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    must(unlinkat(container->lock, files[i], 0));
  must(rmdir(container->directory));
  close(container->lock);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int main(int count, char **arguments) {
  if (strcmp(arguments[0], "floor") == 0 && count == 2)
    container_init(atoi(arguments[1]));
  if (count != 4 || strlen(arguments[2]) > 40) {
    fprintf(stderr, "usage: %s ROOTFS STATE CYCLES\n", arguments[0]);
    return 2;
  }
  rootfs = arguments[1];
  executable = sealed_self();
  find_hierarchies();
  for (int i = 0; i < atoi(arguments[3]); i++) {
    struct container container = {.pidfd = -1};
    struct sockaddr_un address;
    double began = now();
    snprintf(container.directory, sizeof container.directory, "%s/floor-%d-%d", arguments[2], getpid(), i);
    create(&container, &address);
    start(&container, &address);
    wait_for(&container);
    delete (&container);
    printf("%.1f\n", now() - began);
  }
  return 0;
}
