// What JavaScript says to the thread that passes connections through, and the thread itself.
#include "relay.h"
#include "sys.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { BATCH = 64, SHORTAGE_MS = 100 };

// The last of both who know it.
void relay_let_go(struct relay *relay) {
  if (atomic_fetch_sub(&relay->holders, 1) > 1)
    return;
  close(relay->wake);
  pthread_mutex_destroy(&relay->lock);
  free(relay);
}

void relay_wake(const struct relay *relay) {
  uint64_t one = 1;
  // It is awake anyway, should there be no room.
  if (write(relay->wake, &one, sizeof one) < 0)
    return;
}

static void remove_connection(struct relay *relay, struct connection *connection) {
  drop(relay, connection, ECONNABORTED);
  if (connection->previous != NULL)
    connection->previous->next = connection->next;
  else
    relay->connections = connection->next;
  if (connection->next != NULL)
    connection->next->previous = connection->previous;
  for (struct connection **link = &relay->busy; *link != NULL; link = &(*link)->next_busy)
    if (*link == connection) {
      *link = connection->next_busy;
      break;
    }
  free(connection);
  if (relay->connections == NULL)
    drop_spare_pipes(relay, 1);
}

static void remove_server(struct relay *relay, struct server *server) {
  struct server **link = &relay->servers;
  while (*link != server)
    link = &(*link)->next;
  *link = server->next;
  forget_end(relay, &server->end);
  let_quota_go(relay, server);
  free(server);
}

int relay_order(struct relay *relay, struct subject *to, const struct subject *wanted) {
  pthread_mutex_lock(&relay->lock);
  bool is_first = relay->orders == NULL;
  to->orders |= wanted->orders;
  if (wanted->orders & ORDER_CONNECT)
    to->target = wanted->target;
  if (wanted->orders & ORDER_JOIN)
    to->fd = wanted->fd;
  if (!to->is_queued) {
    to->next = relay->orders;
    relay->orders = to;
    to->is_queued = true;
  }
  pthread_mutex_unlock(&relay->lock);
  if (is_first)
    relay_wake(relay);
  return 0;
}

// From then on the address is free for another one; the descriptor is closed by remove_server alone.
void stop_listening(const struct server *server) {
  shutdown(server->end.fd, SHUT_RD);
}

// Without memory to be watched it would wait for ever: those who connect are to see that nobody is there.
static void serve(struct relay *relay, struct server *server) {
  server->next = relay->servers;
  relay->servers = server;
  if (hold_quota(relay, server) < 0 || watch_end(relay, &server->end, EPOLLIN) < 0)
    stop_listening(server);
}

static void obey_as_server(struct relay *relay, struct server *server, const struct subject *order) {
  if (order->orders & ORDER_SERVE)
    serve(relay, server);
  if (order->orders & ORDER_CONNECT)
    server->route = order->target;
  if (order->orders & ORDER_FREE)
    remove_server(relay, server);
}

static void obey(struct relay *relay, struct subject *to, const struct subject *order) {
  struct connection *connection = (struct connection *)to;
  if (to->kind == KIND_SERVER)
    return obey_as_server(relay, (struct server *)to, order);
  if (order->orders & ORDER_RESET)
    drop(relay, connection, ECONNABORTED);
  if ((order->orders & ORDER_CONNECT) && connection->state <= CONNECTING) {
    // What has been tried until now takes too long.
    forget_end(relay, &connection->ends[OUTSIDE]);
    connect_outside(relay, connection, &order->target);
  }
  if ((order->orders & ORDER_JOIN) && connection->state == WAITING)
    join_outside(relay, connection, order->fd);
  else if (order->orders & ORDER_JOIN)
    close(order->fd);
  if (order->orders & ORDER_FREE)
    remove_connection(relay, connection);
}

static void take_orders(struct relay *relay) {
  for (;;) {
    struct subject order;
    pthread_mutex_lock(&relay->lock);
    struct subject *to = relay->orders;
    if (to != NULL) {
      order = *to;
      relay->orders = to->next;
      to->orders = 0;
      to->is_queued = false;
    }
    pthread_mutex_unlock(&relay->lock);
    if (to == NULL)
      return;
    obey(relay, to, &order);
  }
}

static void heed_connection(struct relay *relay, struct end *end, unsigned events) {
  struct connection *connection = (struct connection *)end->of;
  bool failed = events & EPOLLERR, is_over = failed || (events & EPOLLHUP);
  end->readable |= is_over || (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP));
  end->has_urgent |= (events & EPOLLPRI) != 0;
  end->writable |= is_over || (events & EPOLLOUT);
  if (connection->state == CONNECTING && end == &connection->ends[OUTSIDE]) {
    if (is_over || (events & EPOLLOUT))
      finish_connect(relay, connection);
  } else if (failed || (is_over && connection->state != OPEN))
    drop(relay, connection, ECONNRESET);
  else if (connection->state == OPEN)
    pass_on(relay, connection);
}

static void heed(struct relay *relay, const struct epoll_event *event) {
  struct end *end = event->data.ptr;
  uint64_t count;
  if (end->of == NULL) {
    if (read(end->fd, &count, sizeof count) < 0)
      return;
  } else if (end->of->kind == KIND_SERVER)
    accept_some(relay, (struct server *)end->of);
  else if (end->fd >= 0)
    heed_connection(relay, end, event->events);
}

// Those who had no descriptors try again.
static void end_shortage(struct relay *relay) {
  relay->is_short = false;
  for (struct server *server = relay->servers; server != NULL; server = server->next) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->end};
    if (server->is_resting && epoll_ctl(relay->epoll, EPOLL_CTL_MOD, server->end.fd, &event) == 0)
      server->is_resting = false;
  }
}

static void go_on_with_busy(struct relay *relay) {
  struct connection *busy = relay->busy;
  relay->busy = NULL;
  while (busy != NULL) {
    struct connection *next = busy->next_busy;
    busy->is_busy = false;
    if (busy->state == OPEN)
      pass_on(relay, busy);
    busy = next;
  }
}

static void end_all(struct relay *relay) {
  pthread_mutex_lock(&relay->lock);
  for (struct subject *to = relay->orders; to != NULL; to = to->next)
    if (to->orders & ORDER_JOIN)
      close(to->fd);
    else if (to->orders & ORDER_SERVE)
      serve(relay, (struct server *)to);
  relay->orders = NULL;
  pthread_mutex_unlock(&relay->lock);
  // Nobody hears of it any more.
  while (relay->connections != NULL)
    remove_connection(relay, relay->connections);
  while (relay->servers != NULL)
    remove_server(relay, relay->servers);
  drop_spare_pipes(relay, 0);
  close(relay->epoll);
  close(relay->out);
}

static int time_to_wait(struct relay *relay) {
  int untold = announce(relay);
  if (relay->is_short)
    return untold >= 0 ? untold : SHORTAGE_MS;
  return relay->busy != NULL ? 0 : untold;
}

// Without epoll nothing is heard of sockets any more: all connections are reset, and nobody is accepted. What
// JavaScript has handles of is there until it ends us.
static void live_without_epoll(struct relay *relay) {
  struct pollfd woken = {.fd = relay->wake, .events = POLLIN};
  uint64_t count;
  for (struct connection *one = relay->connections; one != NULL; one = one->next)
    drop(relay, one, EIO);
  for (struct server *server = relay->servers; server != NULL; server = server->next)
    stop_listening(server);
  while (!relay->is_ending) {
    if (poll(&woken, 1, announce(relay)) > 0 && read(woken.fd, &count, sizeof count) < 0)
      continue;
    take_orders(relay);
  }
}

void *relay_work(void *argument) {
  struct relay *relay = argument;
  while (!relay->is_ending) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(relay->epoll, events, BATCH, time_to_wait(relay));
    if (count < 0 && errno != EINTR) {
      live_without_epoll(relay);
      break;
    }
    if (relay->is_short)
      end_shortage(relay);
    for (int i = 0; i < count; i++)
      heed(relay, &events[i]);
    go_on_with_busy(relay);
    // What these free is in no event that is still to be heeded.
    take_orders(relay);
  }
  end_all(relay);
  relay_let_go(relay);
  return NULL;
}
