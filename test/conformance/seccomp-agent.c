// An agent for seccomp notifications: listens at argv[1], prints the message that it is sent as a line, and
// answers: mkdir and chmod with ENOMEDIUM, everything else may go on. It hangs up as soon as it has one
// message, as the agents in use do. argv[2]: "whole" reads to the end of the connection before; "silent"
// prints a line for each mkdir, and never answers it.
#include <err.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof at.sun_path)
    errx(2, "%s is too long", path);
  strcpy(at.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1) < 0)
    err(2, "%s", path);
  return fd;
}

// Returns the descriptor that came with the first bytes.
static int receive(int connection, int whole) {
  static char text[1 << 20];
  union {
    char bytes[CMSG_SPACE(4 * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec data = {.iov_base = text, .iov_len = sizeof text - 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
    errx(2, "a message of %zd bytes without one descriptor", length);
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  for (ssize_t more; whole && (more = read(connection, text + length, sizeof text - 1 - (size_t)length)) > 0;)
    length += more;
  close(connection);
  printf("%.*s\n", (int)length, text);
  fflush(stdout);
  return fd;
}

static int is_mkdir(int number) {
#ifdef SYS_mkdir
  if (number == SYS_mkdir)
    return 1;
#endif
  return number == SYS_mkdirat;
}

static int is_chmod(int number) {
#ifdef SYS_chmod
  if (number == SYS_chmod)
    return 1;
#endif
  return number == SYS_fchmod || number == SYS_fchmodat;
}

static void answer(int listener, int silent) {
  for (;;) {
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) {
      if (errno == EINTR)
        continue;
      // ENOENT: what had the filter is gone.
      return;
    }
    if (silent && is_mkdir(asked.data.nr)) {
      puts("\"mkdir\"");
      fflush(stdout);
      continue;
    }
    struct seccomp_notif_resp answered = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    if (is_mkdir(asked.data.nr) || is_chmod(asked.data.nr)) {
      answered.flags = 0;
      answered.error = -ENOMEDIUM;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answered);
  }
}

int main(int argc, char **argv) {
  if (argc < 2)
    errx(2, "arguments: the socket, whole or silent");
  const char *how = argc > 2 ? argv[2] : "";
  int at = listen_at(argv[1]);
  puts("listening");
  fflush(stdout);
  int connection = accept(at, NULL, NULL);
  if (connection < 0)
    err(2, "accept");
  answer(receive(connection, strcmp(how, "whole") == 0), strcmp(how, "silent") == 0);
  return 0;
}
