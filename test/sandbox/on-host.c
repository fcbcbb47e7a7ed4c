// What a program in the root of the host may try with what is not its own: the pid of its host process and a
// file of the same user are its arguments. One line each: the attempt, and the errno, or "done". With the
// arguments "comet FILE": it waits, and something that it has started is another process each time that one
// looks, for 20 seconds, and has the lock of the file.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s\t%s\n", what, result < 0 ? strerrorname_np(errno) : "done");
}

static int comet(const char *file) {
  time_t end = time(NULL) + 20;
  if (flock(open(file, O_CREAT | O_RDWR, 0600), LOCK_EX) < 0)
    return 1;
  if (fork() > 0)
    return pause();
  setsid();
  while (time(NULL) < end)
    if (fork() > 0)
      _exit(0);
  return 0;
}

int main(int count, char **words) {
  if (count < 3)
    return 2;
  if (strcmp(words[1], "comet") == 0)
    return comet(words[2]);
  int host = atoi(words[1]), ends[2], flags = FS_NODUMP_FL, own = open("own", O_CREAT | O_RDWR, 0600);
  const char *file = words[2];
  struct rlimit limit = {0, 0};
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  say("kill the host", kill(host, SIGKILL));
  say("kill everybody", kill(-1, SIGKILL));
  say("kill the guard", kill(getppid(), SIGKILL));
  say("queue a signal to the host", sigqueue(host, SIGTERM, (union sigval){0}));
  say("signal it by a pidfd",
      syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, host, 0), SIGKILL, NULL, 0));
  say("limit the host", prlimit(host, RLIMIT_NOFILE, &limit, NULL));
  say("limit itself", prlimit(0, RLIMIT_CORE, &limit, NULL));
  say("slow the host", setpriority(PRIO_PROCESS, host, 19));
  say("slow its user", setpriority(PRIO_USER, 0, 19));
  say("move the host", sched_setaffinity(host, sizeof cpus, &cpus));
  say("trace the host", ptrace(PTRACE_ATTACH, host, NULL, NULL));
  say("read a file", open(file, O_RDONLY));
  say("cut a file", truncate(file, 0));
  say("remove a file", unlink(file));
  say("change a mode", chmod(file, 0777));
  say("set a mode by a descriptor", fchmod(open(file, O_PATH), 0777));
  say("set times", utimensat(AT_FDCWD, file, NULL, 0));
  say("set an attribute", setxattr(file, "user.x", "x", 1, 0));
  say("watch files", inotify_add_watch(inotify_init(), "/tmp", IN_CREATE));
  say("local socket", socket(AF_UNIX, SOCK_STREAM, 0));
  say("pair of datagrams", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
  say("pair of streams", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  say("pair of another family", socketpair(AF_TIPC, SOCK_SEQPACKET, 0, ends));
  say("count bytes", ioctl(own, FIONREAD, &ends[0]));
  say("set flags of a file", ioctl(own, FS_IOC_SETFLAGS, &flags));
  say("socket of the internet", socket(AF_INET, SOCK_STREAM, 0));
  say("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  say("shared memory", shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
  say("message queue", msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  say("user namespace", unshare(CLONE_NEWUSER));
  return 0;
}
