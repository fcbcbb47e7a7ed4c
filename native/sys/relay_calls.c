// The calls of lib/sys/relay.ts. What they want done is queued, and done by the thread: nobody waits.
#include "relay.h"
#include "sys.h"
#include "thread.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { THREAD_STACK = 128 * 1024 };

static void end(void *argument) {
  struct relay *relay = argument;
  relay->is_ending = true;
  relay_wake(relay);
  relay_let_go(relay);
}

static int furnish(struct relay *relay, int *reader) {
  int ends[2];
  relay->epoll = epoll_create1(EPOLL_CLOEXEC);
  relay->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (relay->epoll < 0 || relay->wake < 0 || pipe2(relay->spare[0], O_CLOEXEC | O_NONBLOCK) < 0)
    return -errno;
  relay->spare_count = 1;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
    return -errno;
  *reader = ends[0];
  relay->out = ends[1];
  relay->wake_end = (struct end){.fd = relay->wake};
  return watch_end(relay, &relay->wake_end, EPOLLIN);
}

static void undo(struct relay *relay, int reader) {
  for (int i = 0, fds[] = {relay->epoll, relay->wake, relay->out, reader}; i < 4; i++)
    if (fds[i] >= 0)
      close(fds[i]);
  drop_spare_pipes(relay, 0);
  free(relay);
}

// A thread that passes connections through until ts_relay_end, or the end of the thread of JavaScript. From
// `reader` comes a byte if there is news.
EXPORT int ts_relay_start(int *reader, uint64_t *handle) {
  struct relay *relay = calloc(1, sizeof *relay);
  if (relay == NULL)
    return -ENOMEM;
  relay->epoll = relay->wake = relay->out = *reader = -1;
  relay->holders = 2;
  pthread_mutex_init(&relay->lock, NULL);
  int failed = furnish(relay, reader);
  if (failed == 0)
    failed = at_end_of_thread(end, relay);
  if (failed == 0) {
    failed = start_thread(THREAD_STACK, relay_work, relay);
    if (failed < 0)
      not_at_end_of_thread(relay);
  }
  if (failed < 0) {
    undo(relay, *reader);
    return failed;
  }
  *handle = (uintptr_t)relay;
  *reader = own(*reader);
  if (*reader >= 0)
    return 0;
  not_at_end_of_thread(relay);
  end(relay);
  return -ENOMEM;
}

// Once. All of its connections are reset; no handle of it means anything from then on.
EXPORT int ts_relay_end(size_t handle) {
  void *relay = (void *)(uintptr_t)handle;
  not_at_end_of_thread(relay);
  end(relay);
  return 0;
}

// The next of what the thread tells, a struct record; 0: there is none.
EXPORT int ts_relay_news(size_t handle, void *record) {
  struct relay *relay = (struct relay *)(uintptr_t)handle;
  pthread_mutex_lock(&relay->lock);
  bool is_there = relay->record_count > 0;
  if (is_there) {
    memcpy(record, &relay->records[relay->first_record], sizeof relay->records[0]);
    relay->first_record = (relay->first_record + 1) % RELAY_RECORDS;
    relay->record_count--;
  }
  pthread_mutex_unlock(&relay->lock);
  return is_there;
}

// Takes over a socket that listens, unless it fails. `made` is the server's handle, until ts_relay_free. All
// servers with that quota's number have `most` connections open at a time; more are reset.
EXPORT int ts_relay_serve(size_t handle, int fd, uint32_t number, uint32_t quota, uint32_t most,
                          uint64_t *made) {
  struct relay *relay = (struct relay *)(uintptr_t)handle;
  struct server *server = calloc(1, sizeof *server);
  if (server == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
    free(server);
    return server == NULL ? -ENOMEM : -errno;
  }
  *server = (struct server){.subject.kind = KIND_SERVER,
                            .end.fd = disown(fd),
                            .number = number,
                            .quota_number = quota,
                            .most = most};
  server->end.of = &server->subject;
  *made = (uintptr_t)server;
  return relay_order(relay, &server->subject, &(struct subject){.orders = ORDER_SERVE});
}

static int order(size_t relay, size_t subject, const struct subject *wanted) {
  return relay_order((struct relay *)(uintptr_t)relay, (struct subject *)(uintptr_t)subject, wanted);
}

// Of a server: whoever connects is connected there at once; an empty text ends that. Of a connection that has
// been accepted: it is connected there. -EINVAL: the text is no address.
EXPORT int ts_relay_connect(size_t relay, size_t subject, const char *text, int port) {
  struct subject wanted = {.orders = ORDER_CONNECT};
  int length = text[0] == 0 ? 0 : read_address(&wanted.target.address, text, port);
  wanted.target.length = length < 0 ? 0 : (socklen_t)length;
  return length < 0 ? length : order(relay, subject, &wanted);
}

// The connection goes on over a socket that is connected, which is taken over.
EXPORT int ts_relay_join(size_t relay, size_t connection, int fd) {
  return order(relay, connection, &(struct subject){.orders = ORDER_JOIN, .fd = disown(fd)});
}

EXPORT int ts_relay_reset(size_t relay, size_t connection) {
  return order(relay, connection, &(struct subject){.orders = ORDER_RESET});
}

// A server, which does not listen any more, or a connection that is told to be closed. Its handle means
// nothing any more.
EXPORT int ts_relay_free(size_t relay, size_t subject) {
  const struct subject *freed = (const struct subject *)(uintptr_t)subject;
  if (freed->kind == KIND_SERVER)
    stop_listening((const struct server *)freed);
  return order(relay, subject, &(struct subject){.orders = ORDER_FREE});
}

// The bytes from the inside and to it so far.
EXPORT int ts_relay_counts(size_t handle, uint64_t *counts) {
  const struct connection *connection = (const struct connection *)(uintptr_t)handle;
  counts[0] = connection->flows[INSIDE].passed;
  counts[1] = connection->flows[OUTSIDE].passed;
  return 0;
}
