#include "report.h"

#include "cbor.h"
#include "memory.h"
#include "sys.h"

#define MAX_DETAIL 1024

struct writer {
  unsigned char bytes[MAX_DETAIL + 128];
  size_t length;
};

static void put_byte(struct writer *out, uint64_t byte) {
  out->bytes[out->length++] = (unsigned char)byte;
}

static void put_head(struct writer *out, enum cbor_type type, uint64_t number) {
  unsigned int size = number < 24 ? 0 : number <= UINT32_MAX ? 4 : 8;
  unsigned int info = size == 0 ? (unsigned int)number : size == 4 ? 26 : 27;
  put_byte(out, (unsigned int)type << 5 | info);
  while (size-- > 0)
    put_byte(out, number >> 8 * size);
}

// What is too long for a frame is cut, but not within a character.
static void put_text(struct writer *out, const char *text) {
  size_t room = sizeof out->bytes - out->length - 5;
  size_t length = strlen(text);
  if (length > room)
    for (length = room; length > 0 && ((unsigned char)text[length] & 0xc0u) == 0x80;)
      length--;
  put_head(out, CBOR_TEXT, length);
  memcpy(out->bytes + out->length, text, length);
  out->length += length;
}

static void start_frame(struct writer *out, uint64_t items, enum frame frame) {
  out->length = 4;
  put_head(out, CBOR_ARRAY, items);
  put_head(out, CBOR_UNSIGNED, frame);
}

static void send_frame(struct writer *out, const struct report *to) {
  for (unsigned int i = 0; i < 4; i++)
    out->bytes[i] = (unsigned char)((out->length - 4) >> 8 * i);
  for (size_t sent = 0; to->socket >= 0 && sent < out->length;) {
    long result = sys_send(to->socket, out->bytes + sent, out->length - sent);
    // The runtime is gone, or a seccomp filter refuses: there is nobody left to tell.
    if (result < 0)
      sys_exit(1);
    sent += (size_t)result;
  }
}

void tell(const struct report *to, enum frame frame, uint64_t number) {
  struct writer out;
  start_frame(&out, 2, frame);
  put_head(&out, CBOR_UNSIGNED, number);
  send_frame(&out, to);
}

void tell_times(const struct report *to, uint32_t first, const uint64_t *times, uint32_t count) {
  enum { IN_ONE = 100, LONGEST = 9 };
  _Static_assert(IN_ONE * LONGEST <= MAX_DETAIL, "a frame has room for them");
  for (uint32_t told = 0; told < count; told += IN_ONE) {
    uint32_t some = count - told < IN_ONE ? count - told : IN_ONE;
    struct writer out;
    start_frame(&out, 2 + some, FRAME_TIMES);
    put_head(&out, CBOR_UNSIGNED, first + told);
    for (uint32_t i = 0; i < some; i++)
      put_head(&out, CBOR_UNSIGNED, times[told + i]);
    send_frame(&out, to);
  }
}

void tell_unborn(const struct report *to, enum birth call, long error) {
  struct writer out;
  start_frame(&out, 3, FRAME_UNBORN);
  put_head(&out, CBOR_UNSIGNED, call);
  put_head(&out, CBOR_UNSIGNED, (uint64_t)-error);
  send_frame(&out, to);
}

_Noreturn void fail(const struct report *to, const char *call, long error, const char *detail) {
  struct writer out;
  start_frame(&out, 5, FRAME_FAILED);
  put_head(&out, CBOR_UNSIGNED, to->op);
  put_text(&out, call);
  put_head(&out, CBOR_UNSIGNED, (uint64_t)-error);
  put_text(&out, detail);
  send_frame(&out, to);
  sys_exit(1);
}

_Noreturn void violate(const struct report *to, enum violation kind, const char *detail) {
  struct writer out;
  start_frame(&out, 4, FRAME_VIOLATION);
  put_head(&out, CBOR_UNSIGNED, to->op);
  put_head(&out, CBOR_UNSIGNED, kind);
  put_text(&out, detail);
  send_frame(&out, to);
  sys_exit(1);
}

_Noreturn void refuse(const struct report *to, const char *reason) {
  struct writer out;
  start_frame(&out, 3, FRAME_REFUSED);
  put_head(&out, CBOR_UNSIGNED, to->op);
  put_text(&out, reason);
  send_frame(&out, to);
  sys_exit(1);
}

int must(const struct report *to, const char *call, long result, const char *detail) {
  if (result < 0)
    fail(to, call, result, detail);
  return (int)result;
}
