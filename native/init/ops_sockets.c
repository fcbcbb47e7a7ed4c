// Sockets of the container's network namespace. What is bound, connected or routed is the runtime's business:
// it may do that from outside.
#include "init.h"
#include "memory.h"

#define MESSAGE_DESCRIPTORS 253 // SCM_MAX_FD of the kernel

enum { INET = 2, INET6 = 10, NETLINK = 16, PACKET = 17 }; // AF_*
enum { STREAM = 1, DATAGRAM = 2, RAW = 3 };               // SOCK_*

// In the order of SOCKET_KINDS in lib/plan/flags.ts. That of NETLINK is NETLINK_ROUTE; the last hears nothing
// before it is bound.
static const struct {
  int family, type;
  const char *name;
} KINDS[] = {
    {INET, STREAM, "tcp4"},    {INET6, STREAM, "tcp6"}, {INET, DATAGRAM, "udp4"},
    {INET6, DATAGRAM, "udp6"}, {NETLINK, RAW, "route"}, {PACKET, DATAGRAM, "packet"},
};

struct sockets_message {
  size_t length;
  int level, type, fds[MESSAGE_DESCRIPTORS + 1];
};

static void send_batch(const struct init *init, int to, struct sockets_message *made, size_t count) {
  char byte = 0;
  made->length = offsetof(struct sockets_message, fds) + count * sizeof *made->fds;
  struct io_vector payload = {&byte, 1};
  struct message message = {
      .vectors = &payload, .vector_count = 1, .control = made, .control_length = made->length};
  must(&init->report, "sendmsg", sys_sendmsg(to, &message), "sockets");
  for (size_t i = 0; i < count; i++)
    sys_close(made->fds[i]);
}

void run_sockets(struct init *init, struct sockets_op *args) {
  int to = take_slot(init, args->slot.number);
  struct sockets_message made = {.level = LEVEL_SOCKET, .type = SEND_DESCRIPTORS};
  size_t count = 0;
  while (args->kinds.list.left > 0) {
    uint32_t kind = next_number(&args->kinds);
    made.fds[count++] =
        must(&init->report, "socket", sys_socket(KINDS[kind].family, KINDS[kind].type), KINDS[kind].name);
    if (count < MESSAGE_DESCRIPTORS && args->kinds.list.left > 0)
      continue;
    send_batch(init, to, &made, count);
    count = 0;
  }
  sys_close(to);
}
