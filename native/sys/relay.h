// Connections that are passed through from one socket to another, by a thread of their own: who may connect
// where is decided in TypeScript, the bytes do not come that way.
#ifndef TSRUN_RELAY_H
#define TSRUN_RELAY_H

#include "inet.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RELAY_RECORDS = 1024, RELAY_SPARE_PIPES = 16 };

// What the thread tells, as lib/sys/relay.ts reads it.
enum news { NEWS_ACCEPTED, NEWS_CONNECTED, NEWS_FAILED, NEWS_CLOSED, NEWS_REFUSED };

struct record {
  uint64_t connection;
  uint32_t news;
  int32_t error;      // an errno, or 0
  uint32_t server;    // NEWS_ACCEPTED, NEWS_REFUSED: the number that it was given
  uint16_t routed;    // it is being connected already
  uint16_t family;    // 4 or 6
  uint8_t local[16];  // the address that was meant
  uint64_t counts[2]; // bytes; of NEWS_REFUSED how many it stands for
};
_Static_assert(sizeof(struct record) == 56, "lib/sys/relay.ts counts on it");

struct target {
  union inet_address address;
  socklen_t length; // 0: none
};

// What JavaScript wants of one of them; done by the thread, which alone touches anything else of it.
enum order { ORDER_CONNECT = 1, ORDER_JOIN = 2, ORDER_RESET = 4, ORDER_SERVE = 8, ORDER_FREE = 16 };

enum kind { KIND_SERVER, KIND_CONNECTION };

struct subject {
  enum kind kind;
  bool is_queued;
  unsigned orders;
  struct target target; // of ORDER_CONNECT
  int fd;               // of ORDER_JOIN
  struct subject *next;
};

// What epoll tells of.
struct end {
  struct subject *of;
  int fd;
  bool readable, writable;
  bool has_urgent; // from then on its bytes are copied
};

// How many connections those servers may have open that it was given to. The thread's alone.
struct quota {
  uint32_t number;
  uint32_t most, open, servers;
  struct quota *next;
};

struct server {
  struct subject subject;
  struct end end;
  uint32_t number;
  uint32_t quota_number, most;
  struct quota *quota;
  struct target route; // where to at once, without being told
  struct server *next;
  bool is_resting; // there were no descriptors left
};

// From one end to the other. What has been read and not been written yet is in the pipe.
struct flow {
  int pipe[2]; // -1: none is needed
  size_t held;
  bool is_over;
  _Atomic uint64_t passed;
};

enum state { WAITING, CONNECTING, OPEN, CLOSED };
enum { INSIDE, OUTSIDE };

struct connection {
  struct subject subject;
  enum state state;
  bool is_routed;
  struct quota *quota; // NULL: closed
  struct end ends[2];
  struct flow flows[2]; // by the end that they come from
  struct connection *next, *previous, *next_busy;
  bool is_busy; // there is more to do than it was given time for
};

struct relay {
  int epoll, wake, out;
  struct end wake_end;
  pthread_mutex_t lock; // of the orders and the records
  struct subject *orders;
  _Atomic bool is_ending;
  _Atomic int holders;
  struct connection *connections, *busy;
  struct server *servers;
  struct quota *quotas;
  bool is_short; // of descriptors: somebody waits for some to be free
  int spare[RELAY_SPARE_PIPES][2], spare_count;
  struct record records[RELAY_RECORDS]; // a ring
  unsigned first_record, record_count;
  bool is_urgent;    // somebody waits for what has been told
  int64_t told_when; // in ms: the first that JavaScript has not been woken for; 0: none
};

void relay_let_go(struct relay *relay);
void relay_wake(const struct relay *relay);
// By the thread of JavaScript. 0.
int relay_order(struct relay *relay, struct subject *to, const struct subject *wanted);
void *relay_work(void *relay);

// By any thread, before the server is freed.
void stop_listening(const struct server *server);

// relay_move.c. -errno if the connection has failed; 1: there is more to do.
int move_bytes(struct relay *relay, struct connection *connection);
void close_pipes(struct relay *relay, struct connection *connection);
void drop_spare_pipes(struct relay *relay, int but);

// relay_quota.c. -ENOMEM: the server has none.
int hold_quota(struct relay *relay, struct server *server);
void let_quota_go(struct relay *relay, const struct server *server);
bool take_place(struct connection *connection, struct quota *quota);
void leave_place(struct relay *relay, struct connection *connection);

// relay_ends.c. 0, or -errno.
int watch_end(const struct relay *relay, struct end *end, unsigned events);
void forget_end(const struct relay *relay, struct end *end);
void tell(struct relay *relay, struct record record);
// Wakes JavaScript, if it is time. Returns for how many ms there is none; -1: nothing is to be told.
int announce(struct relay *relay);
void accept_some(struct relay *relay, struct server *server);
void connect_outside(struct relay *relay, struct connection *connection, const struct target *to);
void join_outside(struct relay *relay, struct connection *connection, int fd);
void finish_connect(struct relay *relay, struct connection *connection);
void pass_on(struct relay *relay, struct connection *connection);
void drop(struct relay *relay, struct connection *connection, int error);

#endif
