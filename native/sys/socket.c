// AF_UNIX sockets, and descriptors passed over them.
#include "job.h"
#include "sys.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { MESSAGE_FDS = 253 }; // SCM_MAX_FD of the kernel

static int address(struct sockaddr_un *to, const char *path) {
  if (strlen(path) >= sizeof to->sun_path)
    return -ENAMETOOLONG;
  memset(to, 0, sizeof *to);
  to->sun_family = AF_UNIX;
  strcpy(to->sun_path, path);
  return 0;
}

EXPORT int ts_socketpair(int *pair) {
  return own_pair((int)result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)), pair);
}

// The same for messages, of which each end hears the other's end of file.
EXPORT int ts_packet_pair(int *pair) {
  return own_pair((int)result(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)), pair);
}

// The file gets the mode of the descriptor, less the umask, so that it is never there with another one.
EXPORT int ts_listen(const char *path) {
  struct sockaddr_un to;
  int bad = address(&to, path);
  if (bad)
    return bad;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0 || listen(fd, 8) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return own(fd);
}

// By way of the node: its path may be longer than an address has room for.
static int connect_node(int node, int flags) {
  char path[32];
  struct sockaddr_un to;
  snprintf(path, sizeof path, "/proc/self/fd/%d", node);
  int failed = address(&to, path);
  if (failed)
    return failed;
  int fd = (int)result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (fd < 0)
    return fd;
  // A full backlog would block for ever: that is told as EAGAIN in the end.
  struct timeval limit = {.tv_sec = 1};
  failed = (int)result(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  if (failed == 0)
    failed = (int)result(connect(fd, (struct sockaddr *)&to, sizeof to));
  if (failed == 0 && flags != 0)
    failed = (int)result(fcntl(fd, F_SETFL, 0));
  if (failed == 0)
    return fd;
  close(fd);
  return failed;
}

int connect_to(const char *path) {
  OWNED node = open_path(path, O_PATH);
  return node < 0 ? node : connect_node(node, 0);
}

// A connection to the socket of an O_PATH descriptor, -EAGAIN if its backlog is full.
EXPORT int ts_connect(int node) {
  return own(connect_node(node, SOCK_NONBLOCK));
}

EXPORT int ts_send(int socket, const char *bytes, int length) {
  return (int)result(send(socket, bytes, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT));
}

EXPORT int ts_send_fd(int socket, int fd, const char *payload, int length) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec data = {.iov_base = (char *)(uintptr_t)payload, .iov_len = (size_t)length};
  struct msghdr message = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return (int)result(sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

// The descriptors go with a byte that says whether more follow.
EXPORT int ts_send_fds(int socket, const int *fds, int count, int more) {
  union {
    char bytes[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  if (count < 1 || count > MESSAGE_FDS)
    return -EINVAL;
  size_t size = (size_t)count * sizeof *fds;
  char byte = (char)more;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(size)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(header), fds, size);
  return (int)result(sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

// The descriptor that came with a message; -1: none did.
static int descriptor_of(struct msghdr *message) {
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
    return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return own(fd);
}

// The next message that waits, -EAGAIN if none does, -EMSGSIZE if it is longer; `fd` gets the one descriptor
// that came with it, or -1. CMSG_SPACE would have room for another one, which nobody closed.
EXPORT int ts_receive_message(int socket, void *bytes, int size, int *fd) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec data = {.iov_base = bytes, .iov_len = (size_t)size};
  struct msghdr message = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = CMSG_LEN(sizeof(int))};
  int length = (int)result(recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
  *fd = length < 0 ? -1 : descriptor_of(&message);
  return length >= 0 && (message.msg_flags & MSG_TRUNC) ? -EMSGSIZE : length;
}

// Returns the one descriptor that came with a message, -ENOMSG if there was none.
EXPORT int ts_receive_fd(int socket) {
  char bytes[256];
  int fd;
  int length = ts_receive_message(socket, bytes, sizeof bytes, &fd);
  if (length < 0 && length != -EMSGSIZE)
    return length;
  return fd < 0 ? -ENOMSG : fd;
}

// The descriptors that came with the next message, at most `room` of them; 0 at the end of the stream. More
// than that are closed.
EXPORT int ts_receive_fds(int socket, int *to, int room) {
  char byte;
  union {
    char bytes[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got <= 0)
    return (int)result(got);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
    return -ENOMSG;
  int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int)), kept = 0;
  for (int i = 0; i < count; i++) {
    int fd;
    memcpy(&fd, CMSG_DATA(header) + (size_t)i * sizeof fd, sizeof fd);
    if (kept < room)
      to[kept++] = own(fd);
    else
      close(fd);
  }
  return kept;
}

// A datagram socket bound to `path`, which everybody may send to.
EXPORT int ts_listen_datagram(const char *path) {
  struct sockaddr_un to;
  int bad = address(&to, path);
  if (bad)
    return bad;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (bind(fd, (struct sockaddr *)&to, sizeof to) < 0 || chmod(path, 0777) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return own(fd);
}

// The next datagram that waits, -EAGAIN if none does. Descriptors that came with it are closed.
EXPORT int ts_receive(int socket, void *bytes, int size) {
  return (int)result(recv(socket, bytes, (size_t)size, MSG_DONTWAIT));
}

// Takes the first `done` bytes of a stream out, and returns what follows them without taking it: should this
// thread end before it has been heeded, the reaper finds it there. 0 at the end, -EAGAIN if there is nothing.
EXPORT int ts_peek(int socket, void *bytes, int size, int done) {
  while (done > 0) {
    ssize_t taken = recv(socket, bytes, (size_t)(done < size ? done : size), MSG_DONTWAIT);
    if (taken <= 0)
      return taken == 0 ? 0 : -errno;
    done -= (int)taken;
  }
  return (int)result(recv(socket, bytes, (size_t)size, MSG_PEEK | MSG_DONTWAIT));
}

// A name that begins with @ is in the abstract namespace, where no NUL byte ends it.
static socklen_t size_of_address(struct sockaddr_un *to, const char *name) {
  if (name[0] != '@')
    return sizeof *to;
  to->sun_path[0] = 0;
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

// Sends one datagram, with the descriptor `fd` if that is not negative.
EXPORT int ts_send_datagram(const char *name, const void *bytes, int length, int fd) {
  struct sockaddr_un to;
  int bad = address(&to, name);
  if (bad)
    return bad;
  OWNED out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0 || connect(out, (struct sockaddr *)&to, size_of_address(&to, name)) < 0)
    return -errno;
  if (fd >= 0)
    return ts_send_fd(out, fd, bytes, length);
  return (int)result(send(out, bytes, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT));
}
