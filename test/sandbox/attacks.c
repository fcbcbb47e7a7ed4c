// Tries what a program that nobody trusts may try, one line each: the attempt, and the errno, or "done".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s\t%s\n", what, result < 0 ? strerrorname_np(errno) : "done");
}

static int connect_outside(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(443)};
  inet_pton(AF_INET, "1.1.1.1", &to.sin_addr);
  return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}

int main(void) {
  char zeros[256] = {0};
  int file = open("/tmp/file", O_CREAT | O_RDWR, 0600);
  say("`process_vm_readv`", syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
  say("`socket(AF_ALG)`", socket(AF_ALG, SOCK_SEQPACKET, 0));
  say("`socket(AF_PACKET)`", socket(AF_PACKET, SOCK_RAW, 0));
  say("`socket(AF_INET, SOCK_RAW)`", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  say("`mknod` of a device", mknod("/tmp/device", S_IFBLK | 0600, makedev(8, 0)));
  say("`setuid(0)`", setuid(0));
  say("`chown` to somebody else", fchown(file, getuid() + 1, (gid_t)-1));
  say("`chroot`", chroot("/tmp"));
  printf("privileges of files that are executed\t%s\n",
         prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "not gained" : "gained");
  say("`open(\"/sys/kernel\")`", open("/sys/kernel", O_RDONLY));
  say("`connect` to an address of the internet", connect_outside());
  say("`keyctl`", syscall(SYS_keyctl, 0, -3, 0));
  say("`bpf`", syscall(SYS_bpf, 5, zeros, sizeof zeros));
  say("`io_uring_setup`", syscall(SYS_io_uring_setup, 1, zeros));
  say("`perf_event_open`", syscall(SYS_perf_event_open, zeros, 0, -1, -1, 0));
  say("`userfaultfd`", syscall(SYS_userfaultfd, 1));
  say("`mount`", mount("none", "/tmp", "tmpfs", 0, NULL));
  say("`open_by_handle_at`", syscall(SYS_open_by_handle_at, AT_FDCWD, zeros, O_RDONLY));
  say("`unshare(CLONE_NEWUSER)`", unshare(CLONE_NEWUSER));
  say("`ptrace`", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  return 0;
}
