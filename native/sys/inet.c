// Sockets of IP that were made elsewhere, in another network namespace: the kernel goes by that of the socket
// and not of the caller.
#include "inet.h"
#include "sys.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

int read_address(union inet_address *to, const char *text, int port) {
  memset(to, 0, sizeof *to);
  if (inet_pton(AF_INET, text, &to->v4.sin_addr) == 1) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons((uint16_t)port);
    return sizeof to->v4;
  }
  if (inet_pton(AF_INET6, text, &to->v6.sin6_addr) != 1)
    return -EINVAL;
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons((uint16_t)port);
  return sizeof to->v6;
}

static int turn_on(int fd, int level, int option) {
  int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on);
}

static int is_stream(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

static int bound_port(int fd) {
  union inet_address found;
  socklen_t length = sizeof found;
  if (getsockname(fd, &found.any, &length) < 0)
    return -errno;
  return ntohs(found.any.sa_family == AF_INET ? found.v4.sin_port : found.v6.sin6_port);
}

// Binds the socket; one of streams listens then. The address may be one that only a route makes local, which
// IPv6 calls nobody's. Returns the port.
EXPORT int ts_inet_bind(int fd, const char *text, int port, int backlog) {
  union inet_address to;
  int length = read_address(&to, text, port);
  if (length < 0)
    return length;
  int streams = is_stream(fd), v6 = to.any.sa_family == AF_INET6;
  if (turn_on(fd, IPPROTO_IP, IP_FREEBIND) < 0 || (v6 && turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) ||
      (streams && turn_on(fd, SOL_SOCKET, SO_REUSEADDR) < 0) || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
      bind(fd, &to.any, (socklen_t)length) < 0 || (streams && listen(fd, backlog) < 0))
    return -errno;
  return bound_port(fd);
}

// Begins a connection: -EINPROGRESS until the socket is writable, then ts_inet_error tells what came of it.
EXPORT int ts_inet_connect(int fd, const char *text, int port) {
  union inet_address to;
  int length = read_address(&to, text, port);
  if (length < 0)
    return length;
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
    return -errno;
  return (int)result(connect(fd, &to.any, (socklen_t)length));
}

EXPORT int ts_inet_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : -error;
}

// A server at an address of this process's own network. Of IPv6 it takes what comes by IPv4 too, if it is for
// all addresses.
EXPORT int ts_inet_listen(const char *text, int port, int backlog) {
  union inet_address to;
  int length = read_address(&to, text, port);
  if (length < 0)
    return length;
  int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  if (turn_on(fd, SOL_SOCKET, SO_REUSEADDR) == 0 && bind(fd, &to.any, (socklen_t)length) == 0 &&
      listen(fd, backlog) == 0)
    return own(fd);
  int error = errno;
  close(fd);
  return -error;
}

EXPORT int ts_inet_port(int fd) {
  return bound_port(fd);
}
