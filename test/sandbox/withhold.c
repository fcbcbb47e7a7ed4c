// Runs a program without what some machines withhold. `withhold namespaces PROGRAM...`: user namespaces, as
// the filters of engines do: EPERM (for keyctl too), and ENOSYS for clone3, whose flags a filter can't see.
// `withhold maps PROGRAM...`: maps of ids, as AppArmor's restriction does: there are user namespaces, and
// EPERM for all that is written to uid_map and gid_map.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(test, value, then, otherwise) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, then, otherwise)
#define RETURN(answer) BPF_STMT(BPF_RET | BPF_K, answer)

static struct sock_filter namespaces[] = {
    LOAD(nr),
    IF(BPF_JEQ, SYS_clone3, 6, 0),
    IF(BPF_JEQ, SYS_keyctl, 6, 0),
    IF(BPF_JEQ, SYS_clone, 1, 0),
    IF(BPF_JEQ, SYS_unshare, 0, 2),
    LOAD(args[0]),
    IF(BPF_JSET, CLONE_NEWUSER, 2, 0),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    RETURN(SECCOMP_RET_ERRNO | EPERM),
};

static struct sock_filter writes[] = {
    LOAD(nr),
    IF(BPF_JEQ, SYS_write, 1, 0),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_USER_NOTIF),
};

static int use(struct sock_filter *filter, unsigned short length, unsigned int flags) {
  struct sock_fprog program = {.len = length, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return -1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int execute(char **command) {
  execvp(command[0], command);
  perror(command[0]);
  return 127;
}

static int is_map(const struct seccomp_notif *asked) {
  char link[64], path[256];
  snprintf(link, sizeof link, "/proc/%u/fd/%llu", asked->pid, asked->data.args[0]);
  ssize_t length = readlink(link, path, sizeof path - 1);
  return length > 6 && memcmp(path + length - 6, "id_map", 6) == 0;
}

// Until nobody has the filter any more.
static void answer(int listener) {
  struct pollfd waiting = {.fd = listener, .events = POLLIN};
  while (poll(&waiting, 1, -1) > 0 && (waiting.revents & POLLIN) != 0) {
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
      continue;
    struct seccomp_notif_resp answered = {.id = asked.id};
    if (is_map(&asked))
      answered.error = -EPERM;
    else
      answered.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answered);
  }
}

static int run_watched(char **command) {
  int ends[2], listener = -1, status;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return 125;
  // One table of descriptors until the exec: the number is the same one.
  long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    listener = use(writes, sizeof writes / sizeof *writes, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    send(ends[1], &listener, sizeof listener, 0);
    _exit(listener < 0 ? 125 : execute(command));
  }
  if (pid < 0 || recv(ends[0], &listener, sizeof listener, 0) != sizeof listener || listener < 0)
    return 125;
  answer(listener);
  waitpid((pid_t)pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **words) {
  if (count < 3)
    return 2;
  if (strcmp(words[1], "maps") == 0)
    return run_watched(words + 2);
  if (use(namespaces, sizeof namespaces / sizeof *namespaces, 0) < 0)
    return 125;
  return execute(words + 2);
}
