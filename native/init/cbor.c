#include "cbor.h"
#include "memory.h"

static bool read_bytes(struct cbor *in, unsigned int size, uint64_t *number) {
  if ((uint64_t)(in->end - in->at) < size)
    return false;
  *number = 0;
  for (; size > 0; size--)
    *number = *number << 8 | *in->at++;
  return true;
}

bool cbor_head(struct cbor *in, enum cbor_type type, uint64_t *number) {
  if (in->at == in->end || *in->at >> 5 != (unsigned int)type)
    return false;
  unsigned int info = *in->at++ & 31u;
  *number = info;
  // 28 to 30 are reserved, 31 is an indefinite length.
  return info < 24 || (info < 28 && read_bytes(in, 1u << (info - 24), number));
}

bool cbor_text(struct cbor *in, unsigned char **text, uint64_t *length) {
  if (!cbor_head(in, CBOR_TEXT, length) || *length > (uint64_t)(in->end - in->at))
    return false;
  *text = in->at;
  in->at += *length;
  return memchr(*text, 0, *length) == NULL;
}

bool cbor_take_text(struct cbor *in, char **text) {
  unsigned char *at;
  uint64_t length;
  if (!cbor_text(in, &at, &length))
    return false;
  memmove(at - 1, at, length);
  (at - 1)[length] = 0;
  *text = (char *)at - 1;
  return true;
}
