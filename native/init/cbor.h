// The profile of CBOR that plans are written in: unsigned integers, text and arrays of a definite length.
#ifndef TSRUN_CBOR_H
#define TSRUN_CBOR_H

#include <stdbool.h>
#include <stdint.h>

enum cbor_type { CBOR_UNSIGNED = 0, CBOR_TEXT = 3, CBOR_ARRAY = 4 };

struct cbor {
  unsigned char *at, *end;
};

// Reads the head of an item of that type: its value, its length in bytes, or its number of items. False if
// there is none; then the place of reading is undefined.
bool cbor_head(struct cbor *in, enum cbor_type type, uint64_t *number);

// Reads a text without NUL; it is not terminated.
bool cbor_text(struct cbor *in, unsigned char **text, uint64_t *length);

// Reads a text for good: it is moved over the last byte of its own head, which leaves room for a NUL.
bool cbor_take_text(struct cbor *in, char **text);

#endif
