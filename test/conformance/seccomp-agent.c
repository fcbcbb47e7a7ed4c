// An agent for seccomp notifications: listens at argv[1], prints each message that it is sent as a line, and
// answers: mkdir with ENOMEDIUM, everything else may go on.
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

// Reads to the end of the connection, and returns the descriptor that came with the first bytes.
static int receive(int connection) {
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
  for (ssize_t more; (more = read(connection, text + length, sizeof text - 1 - (size_t)length)) > 0;)
    length += more;
  printf("%.*s\n", (int)length, text);
  fflush(stdout);
  return fd;
}

static void answer(int listener) {
  for (;;) {
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) {
      if (errno == EINTR || errno == ENOENT)
        continue;
      return;
    }
    struct seccomp_notif_resp answered = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    int is_mkdir = asked.data.nr == SYS_mkdirat;
#ifdef SYS_mkdir
    is_mkdir |= asked.data.nr == SYS_mkdir;
#endif
    if (is_mkdir) {
      answered.flags = 0;
      answered.error = -ENOMEDIUM;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answered);
  }
}

int main(int argc, char **argv) {
  if (argc != 2)
    errx(2, "one argument: the socket");
  int at = listen_at(argv[1]);
  puts("listening");
  fflush(stdout);
  int connection = accept(at, NULL, NULL);
  if (connection < 0)
    err(2, "accept");
  answer(receive(connection));
  return 0;
}
