// Bytes from one socket to another through a pipe: the kernel moves its pages, nothing is copied here.
#include "relay.h"
#include "sys.h"
#include <fcntl.h>
#include <sys/socket.h>

// At once, of one connection, before the others get their turn.
enum { CHUNK = 1 << 20, TURNS = 16, COPIED = 4096 };

// Many connections share a few pipes: one has a pipe only while something is in it.
static bool take_pipe(struct relay *relay, struct flow *flow) {
  if (flow->pipe[0] >= 0)
    return true;
  if (relay->spare_count > 0) {
    relay->spare_count--;
    flow->pipe[0] = relay->spare[relay->spare_count][0];
    flow->pipe[1] = relay->spare[relay->spare_count][1];
    return true;
  }
  if (pipe2(flow->pipe, O_CLOEXEC | O_NONBLOCK) == 0)
    return true;
  flow->pipe[0] = flow->pipe[1] = -1;
  return false;
}

static void give_pipe_back(struct relay *relay, struct flow *flow) {
  if (flow->pipe[0] < 0)
    return;
  if (flow->held == 0 && relay->spare_count < RELAY_SPARE_PIPES) {
    relay->spare[relay->spare_count][0] = flow->pipe[0];
    relay->spare[relay->spare_count][1] = flow->pipe[1];
    relay->spare_count++;
  } else {
    close(flow->pipe[0]);
    close(flow->pipe[1]);
  }
  flow->pipe[0] = flow->pipe[1] = -1;
}

void close_pipes(struct relay *relay, struct connection *connection) {
  give_pipe_back(relay, &connection->flows[INSIDE]);
  give_pipe_back(relay, &connection->flows[OUTSIDE]);
}

void drop_spare_pipes(struct relay *relay, int but) {
  while (relay->spare_count > but) {
    relay->spare_count--;
    close(relay->spare[relay->spare_count][0]);
    close(relay->spare[relay->spare_count][1]);
  }
}

// splice(2) does not get past urgent data, and says that this is the end if it comes after that. In line it
// is a byte like any other.
static ssize_t copy_in(const struct flow *flow, const struct end *from) {
  char bytes[COPIED];
  int on = 1;
  setsockopt(from->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  ssize_t got = recv(from->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  return got <= 0 ? got : write(flow->pipe[1], bytes, (size_t)got);
}

// Only into a pipe that is empty: EAGAIN is then the socket's, and not the pipe's.
static int take_in(struct flow *flow, struct end *from, const struct end *to) {
  ssize_t got = 0;
  if (!from->has_urgent)
    got = splice(from->fd, NULL, flow->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got == 0)
    got = copy_in(flow, from);
  if (got > 0)
    flow->held = (size_t)got;
  else if (got == 0) {
    flow->is_over = true;
    // It may have been closed meanwhile, which its own news tell.
    shutdown(to->fd, SHUT_WR);
  } else if (errno == EAGAIN)
    from->readable = false;
  else
    return -errno;
  return 0;
}

static int put_out(struct flow *flow, struct end *to) {
  ssize_t sent = splice(flow->pipe[0], NULL, to->fd, NULL, flow->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (sent < 0 && errno == EAGAIN)
    to->writable = false;
  else if (sent < 0)
    return -errno;
  else {
    flow->held -= (size_t)sent;
    atomic_fetch_add_explicit(&flow->passed, (uint64_t)sent, memory_order_relaxed);
  }
  return 0;
}

// 1: there may be more.
static int move_one_way(struct relay *relay, struct flow *flow, struct end *from, struct end *to) {
  int failed = 0;
  for (int turn = 0; failed == 0 && turn < TURNS; turn++) {
    if (flow->held == 0 && (flow->is_over || !from->readable))
      break;
    if (flow->held > 0 && !to->writable)
      return 0;
    if (!take_pipe(relay, flow)) {
      relay->is_short = true;
      return 1;
    }
    failed = flow->held == 0 ? take_in(flow, from, to) : put_out(flow, to);
  }
  if (failed == 0 && flow->held == 0)
    give_pipe_back(relay, flow);
  if (failed < 0)
    return failed;
  return flow->held > 0 ? to->writable : !flow->is_over && from->readable;
}

int move_bytes(struct relay *relay, struct connection *connection) {
  struct end *ends = connection->ends;
  int there = move_one_way(relay, &connection->flows[INSIDE], &ends[INSIDE], &ends[OUTSIDE]);
  if (there < 0)
    return there;
  int back = move_one_way(relay, &connection->flows[OUTSIDE], &ends[OUTSIDE], &ends[INSIDE]);
  return back < 0 ? back : there || back;
}
