#ifndef TSRUN_INET_H
#define TSRUN_INET_H

#include <netinet/in.h>
#include <sys/socket.h>

union inet_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

// The length of the address, -EINVAL for a text that is none.
int read_address(union inet_address *to, const char *text, int port);

#endif
