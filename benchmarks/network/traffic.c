// traffic serve PORT: a server that sends back the first byte of a connection, reads the rest, and says how
// much it was.
// traffic connect HOST PORT COUNT: microseconds of each of COUNT connections with one byte there and back.
// traffic send HOST PORT MIB: MiB per second of one connection, up to the answer of the server.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *host, const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
    exit(2);
  return to;
}

static int connected(const char *host, const char *port) {
  struct sockaddr_in to = address(host, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
    perror("connect");
    exit(1);
  }
  return fd;
}

static void *answer(void *argument) {
  int fd = (int)(intptr_t)argument;
  static _Thread_local char buffer[256 * 1024];
  uint64_t total = 0;
  for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0; total += (uint64_t)got)
    if (total == 0 && write(fd, buffer, 1) != 1)
      break;
  if (write(fd, &total, sizeof total) < 0)
    total = 0;
  close(fd);
  return NULL;
}

static void serve(const char *port) {
  struct sockaddr_in at = address("127.0.0.1", port);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
    exit(1);
  puts("ready");
  fflush(stdout);
  for (;;) {
    pthread_t thread;
    int one = accept(fd, NULL, NULL);
    if (one >= 0 && pthread_create(&thread, NULL, answer, (void *)(intptr_t)one) == 0)
      pthread_detach(thread);
  }
}

static void connect_often(const char *host, const char *port, int count) {
  char byte = 'x';
  for (int i = 0; i < count; i++) {
    double start = now();
    int fd = connected(host, port);
    if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
      exit(1);
    printf("%.1f\n", (now() - start) * 1e6);
    close(fd);
  }
}

static void send_much(const char *host, const char *port, uint64_t size) {
  static char buffer[256 * 1024];
  int fd = connected(host, port);
  double start = now();
  for (uint64_t left = size; left > 0;) {
    ssize_t sent = write(fd, buffer, left < sizeof buffer ? left : sizeof buffer);
    if (sent <= 0)
      exit(1);
    left -= (uint64_t)sent;
  }
  shutdown(fd, SHUT_WR);
  char first;
  uint64_t total = 0;
  if (read(fd, &first, 1) != 1 || read(fd, &total, sizeof total) != sizeof total || total != size)
    exit(1);
  printf("%.1f\n", (double)size / (1024 * 1024) / (now() - start));
}

int main(int count, char **args) {
  if (count == 3 && strcmp(args[1], "serve") == 0)
    serve(args[2]);
  else if (count == 5 && strcmp(args[1], "connect") == 0)
    connect_often(args[2], args[3], atoi(args[4]));
  else if (count == 5 && strcmp(args[1], "send") == 0)
    send_much(args[2], args[3], (uint64_t)atoll(args[4]) << 20);
  else
    return 2;
  return 0;
}
