// In place of the helper: sends what the file FORGED has on the control socket, its first byte being how many
// descriptors go with it and its second one whether it then waits for ever, deaf to an end of file. Exits
// else.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 20, MOST_FDS = 200 };

static void send_first(int socket, char *bytes, size_t length, int count) {
  union {
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec data = {bytes, length};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes};
  message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
  for (int i = 0; i < count; i++)
    ((int *)(void *)CMSG_DATA(header))[i] = socket;
  sendmsg(socket, &message, MSG_NOSIGNAL);
}

int main(int count, char **args) {
  static char bytes[MOST];
  int file = open(FORGED, O_RDONLY | O_CLOEXEC);
  ssize_t length = read(file, bytes, sizeof bytes);
  if (count != 3 || length < 3)
    return 1;
  int socket = atoi(args[1]), descriptors = bytes[0];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "tsrun-init");
  if (descriptors > 0)
    send_first(socket, bytes + 2, (size_t)length - 2, descriptors);
  for (ssize_t sent = 2; descriptors == 0 && sent < length;) {
    ssize_t result = send(socket, bytes + sent, (size_t)(length - sent), MSG_NOSIGNAL);
    if (result <= 0)
      break;
    sent += result;
  }
  while (bytes[1])
    pause();
  return 0;
}
