// Descriptors that the runtime gets of us.
#include "init.h"
#include "memory.h"

// struct cmsghdr with one descriptor.
struct descriptor_message {
  size_t length;
  int level, type, fd, padding;
};

void send_descriptor(const struct init *init, int to, int fd, const char *text) {
  struct descriptor_message control = {
      .length = offsetof(struct descriptor_message, padding),
      .level = LEVEL_SOCKET,
      .type = SEND_DESCRIPTORS,
      .fd = fd,
  };
  struct io_vector payload = {(char *)text, strlen(text)};
  struct message message = {
      .vectors = &payload, .vector_count = 1, .control = &control, .control_length = sizeof control};
  must(&init->report, "sendmsg", sys_sendmsg(to, &message), "a socket of the runtime");
}
