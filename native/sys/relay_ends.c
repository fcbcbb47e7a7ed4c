// The ends of connections: accepted, connected, closed, and told of.
#include "relay.h"
#include "sys.h"
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { ACCEPTED_AT_ONCE = 32, LATEST_MS = 5 };

int watch_end(const struct relay *relay, struct end *end, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = end};
  return (int)result(epoll_ctl(relay->epoll, EPOLL_CTL_ADD, end->fd, &event));
}

// A child that has not reached its exec may have a duplicate, and then closing alone would not take it out.
void forget_end(const struct relay *relay, struct end *end) {
  if (end->fd < 0)
    return;
  epoll_ctl(relay->epoll, EPOLL_CTL_DEL, end->fd, NULL);
  close(end->fd);
  end->fd = -1;
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void announce_now(struct relay *relay) {
  relay->told_when = 0;
  relay->is_urgent = false;
  // A full pipe wakes as well; without anybody at its other end the end of all is near.
  if (write(relay->out, "", 1) < 0)
    return;
}

// To be woken for each connection would cost more than to pass it through.
int announce(struct relay *relay) {
  if (relay->told_when == 0)
    return -1;
  int64_t left = relay->is_urgent ? 0 : relay->told_when + LATEST_MS - now();
  if (left > 0)
    return (int)left;
  announce_now(relay);
  return -1;
}

// A burst of those who are refused is one record: it must not hold up those who are not.
static bool is_counted(struct relay *relay, const struct record *record) {
  if (record->news != NEWS_REFUSED || relay->record_count == 0)
    return false;
  struct record *last = &relay->records[(relay->first_record + relay->record_count - 1) % RELAY_RECORDS];
  if (last->news != NEWS_REFUSED || last->server != record->server ||
      memcmp(last->local, record->local, sizeof last->local) != 0)
    return false;
  last->counts[0]++;
  return true;
}

static bool put(struct relay *relay, const struct record *record) {
  pthread_mutex_lock(&relay->lock);
  bool was_counted = is_counted(relay, record);
  bool has_room = was_counted || relay->record_count < RELAY_RECORDS;
  if (has_room && !was_counted)
    relay->records[(relay->first_record + relay->record_count++) % RELAY_RECORDS] = *record;
  pthread_mutex_unlock(&relay->lock);
  return has_room;
}

// Who does not hear what is told holds everything up in the end: so memory has a bound.
void tell(struct relay *relay, struct record record) {
  while (!put(relay, &record) && !relay->is_ending) {
    announce_now(relay);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  if (relay->told_when == 0)
    relay->told_when = now();
}

static void tell_of(struct relay *relay, const struct connection *connection, enum news news, int error) {
  const struct flow *flows = connection->flows;
  if (!connection->is_routed || news == NEWS_FAILED)
    relay->is_urgent = true;
  tell(relay, (struct record){.connection = (uintptr_t)connection,
                              .news = news,
                              .error = error,
                              .counts = {flows[INSIDE].passed, flows[OUTSIDE].passed}});
}

static void make_reset(const struct end *end) {
  struct linger at_once = {.l_onoff = 1};
  if (end->fd >= 0)
    setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// With an error both are reset. Only JavaScript frees it, when it has heard.
void drop(struct relay *relay, struct connection *connection, int error) {
  if (connection->state == CLOSED)
    return;
  connection->state = CLOSED;
  for (int side = INSIDE; side <= OUTSIDE; side++) {
    if (error != 0)
      make_reset(&connection->ends[side]);
    forget_end(relay, &connection->ends[side]);
  }
  close_pipes(relay, connection);
  leave_place(relay, connection);
  tell_of(relay, connection, NEWS_CLOSED, error);
}

void pass_on(struct relay *relay, struct connection *connection) {
  int moved = move_bytes(relay, connection);
  if (moved < 0)
    return drop(relay, connection, -moved);
  const struct flow *flows = connection->flows;
  if (flows[INSIDE].is_over && flows[OUTSIDE].is_over && flows[INSIDE].held + flows[OUTSIDE].held == 0)
    return drop(relay, connection, 0);
  if (moved == 0 || connection->is_busy)
    return;
  connection->is_busy = true;
  connection->next_busy = relay->busy;
  relay->busy = connection;
}

static int error_of(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

static void send_at_once(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void fail_outside(struct relay *relay, struct connection *connection, int error) {
  forget_end(relay, &connection->ends[OUTSIDE]);
  connection->state = WAITING;
  tell_of(relay, connection, NEWS_FAILED, error);
}

static void open_up(struct relay *relay, struct connection *connection) {
  connection->state = OPEN;
  connection->ends[OUTSIDE].writable = true;
  tell_of(relay, connection, NEWS_CONNECTED, 0);
  pass_on(relay, connection);
}

void finish_connect(struct relay *relay, struct connection *connection) {
  int error = error_of(connection->ends[OUTSIDE].fd);
  if (error != 0)
    return fail_outside(relay, connection, error);
  open_up(relay, connection);
}

static const unsigned ALL = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;

void connect_outside(struct relay *relay, struct connection *connection, const struct target *to) {
  struct end *end = &connection->ends[OUTSIDE];
  end->fd = socket(to->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (end->fd < 0)
    return fail_outside(relay, connection, errno);
  send_at_once(end->fd);
  end->readable = end->writable = end->has_urgent = false;
  int failed = connect(end->fd, &to->address.any, to->length);
  if (failed < 0 && errno != EINPROGRESS)
    return fail_outside(relay, connection, errno);
  connection->state = CONNECTING;
  int unwatched = watch_end(relay, end, ALL);
  if (unwatched < 0)
    fail_outside(relay, connection, -unwatched);
}

// A socket that is connected already.
void join_outside(struct relay *relay, struct connection *connection, int fd) {
  struct end *end = &connection->ends[OUTSIDE];
  end->fd = fd;
  end->readable = true;
  send_at_once(fd);
  int unwatched = watch_end(relay, end, ALL);
  if (unwatched < 0)
    return drop(relay, connection, -unwatched);
  open_up(relay, connection);
}

static void add(struct relay *relay, struct connection *connection) {
  connection->next = relay->connections;
  if (relay->connections != NULL)
    relay->connections->previous = connection;
  relay->connections = connection;
}

// Where it was to go.
static void note_place(struct record *record, int fd, const struct server *server) {
  union inet_address local;
  socklen_t length = sizeof local;
  record->server = server->number;
  if (getsockname(fd, &local.any, &length) == 0 && local.any.sa_family == AF_INET) {
    record->family = 4;
    memcpy(record->local, &local.v4.sin_addr, sizeof local.v4.sin_addr);
  } else {
    record->family = 6;
    memcpy(record->local, &local.v6.sin6_addr, sizeof local.v6.sin6_addr);
  }
}

static void tell_accepted(struct relay *relay, const struct connection *connection,
                          const struct server *server) {
  struct record record = {
      .connection = (uintptr_t)connection, .news = NEWS_ACCEPTED, .routed = connection->is_routed};
  note_place(&record, connection->ends[INSIDE].fd, server);
  if (!connection->is_routed)
    relay->is_urgent = true;
  tell(relay, record);
}

static void refuse(struct relay *relay, const struct server *server, int fd) {
  struct end end = {.fd = fd};
  struct record record = {.news = NEWS_REFUSED, .counts = {1}};
  note_place(&record, fd, server);
  make_reset(&end);
  close(fd);
  tell(relay, record);
}

static void take_on(struct relay *relay, const struct server *server, int fd) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) {
    close(fd);
    return;
  }
  if (!take_place(connection, server->quota)) {
    free(connection);
    return refuse(relay, server, fd);
  }
  connection->subject.kind = KIND_CONNECTION;
  for (int side = INSIDE; side <= OUTSIDE; side++) {
    connection->ends[side] = (struct end){.of = &connection->subject, .fd = -1};
    connection->flows[side].pipe[0] = connection->flows[side].pipe[1] = -1;
  }
  connection->ends[INSIDE].fd = fd;
  add(relay, connection);
  send_at_once(fd);
  connection->is_routed = server->route.length > 0;
  tell_accepted(relay, connection, server);
  int unwatched = watch_end(relay, &connection->ends[INSIDE], ALL);
  if (unwatched < 0)
    drop(relay, connection, -unwatched);
  else if (connection->is_routed)
    connect_outside(relay, connection, &server->route);
}

// Without descriptors the server rests for a while: those who wait are in its queue.
static void rest(struct relay *relay, struct server *server) {
  struct epoll_event none = {.events = 0, .data.ptr = &server->end};
  if (epoll_ctl(relay->epoll, EPOLL_CTL_MOD, server->end.fd, &none) == 0)
    server->is_resting = relay->is_short = true;
}

void accept_some(struct relay *relay, struct server *server) {
  for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
    int fd = accept4(server->end.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
      take_on(relay, server, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      return rest(relay, server);
    else if (errno != ECONNABORTED && errno != EINTR)
      return;
  }
}
