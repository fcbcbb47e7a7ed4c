// Network devices: one request to the kernel and its whole answer, which is there when the request returns.
#include "sys.h"
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static int set_option(int fd, int option) {
  int on = 1;
  return setsockopt(fd, SOL_NETLINK, option, &on, sizeof on);
}

// Makes a routing socket ready for ts_netlink_request.
EXPORT int ts_netlink_prepare(int fd) {
  // Nobody waits for ever, should the kernel have lost an answer for want of memory.
  struct timeval limit = {.tv_sec = 1};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
      set_option(fd, NETLINK_EXT_ACK) < 0 || set_option(fd, NETLINK_CAP_ACK) < 0)
    return -errno;
  return (int)result(set_option(fd, NETLINK_GET_STRICT_CHK));
}

static int open_here(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0)
    return -errno;
  int failed = ts_netlink_prepare(fd);
  if (failed == 0)
    return fd;
  close(fd);
  return failed;
}

struct journey {
  int namespace, fd;
};

// Only this thread goes there, and it ends at once; the socket stays in the namespace that it was made in.
static void *open_there(void *argument) {
  struct journey *journey = argument;
  journey->fd = setns(journey->namespace, CLONE_NEWNET) < 0 ? -errno : open_here();
  return NULL;
}

// A socket in the network namespace of that descriptor; -1: in our own.
EXPORT int ts_netlink_open(int namespace) {
  if (namespace < 0)
    return own(open_here());
  struct journey journey = {.namespace = namespace};
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, NULL, open_there, &journey);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error)
    return -error;
  pthread_join(thread, NULL);
  return own(journey.fd);
}

static int is_last(const char *bytes, size_t length) {
  for (size_t at = 0; at + sizeof(struct nlmsghdr) <= length;) {
    struct nlmsghdr header;
    memcpy(&header, bytes + at, sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE)
      return 1;
    if (header.nlmsg_len < sizeof header)
      return -EBADMSG;
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return 0;
}

// The request asks for an acknowledgement or a dump, so that the answer has an end. Returns its length.
EXPORT int ts_netlink_request(int fd, const char *request, int length, char *answer, int room) {
  if (send(fd, request, (size_t)length, 0) < 0)
    return -errno;
  for (int got = 0;;) {
    ssize_t size = recv(fd, answer + got, (size_t)(room - got), MSG_TRUNC);
    if (size < 0)
      return -errno;
    if (size > room - got)
      return -EMSGSIZE;
    int last = is_last(answer + got, (size_t)size);
    got += (int)size;
    if (last != 0)
      return last < 0 ? last : got;
  }
}
