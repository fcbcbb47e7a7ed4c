#include "memory.h"

// Optimisers recognise these loops and replace them by calls of the very function they are in; they can't see
// through this.
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))

void *memcpy(void *to, const void *from, size_t size) {
  unsigned char *out = to;
  const unsigned char *in = from;
  for (; size > 0; size--) {
    OPAQUE(out);
    *out++ = *in++;
  }
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  unsigned char *out = to;
  const unsigned char *in = from;
  if (out <= in)
    return memcpy(to, from, size);
  while (size > 0) {
    OPAQUE(out);
    size--;
    out[size] = in[size];
  }
  return to;
}

void *memset(void *to, int byte, size_t size) {
  unsigned char *out = to;
  for (; size > 0; size--) {
    OPAQUE(out);
    *out++ = (unsigned char)byte;
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *left = a, *right = b;
  for (; size > 0; size--, left++, right++) {
    OPAQUE(left);
    if (*left != *right)
      return *left - *right;
  }
  return 0;
}

void *memchr(const void *in, int byte, size_t size) {
  const unsigned char *at = in;
  for (; size > 0; size--, at++)
    if (*at == (unsigned char)byte)
      return (void *)(size_t)at;
  return NULL;
}

size_t strlen(const char *text) {
  const char *at = text;
  while (*at != 0) {
    at++;
    OPAQUE(at);
  }
  return (size_t)(at - text);
}

int strcmp(const char *a, const char *b) {
  for (; *a != 0 && *a == *b; a++, b++)
    OPAQUE(a);
  return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size) {
  for (; size > 0; size--, a++, b++) {
    OPAQUE(a);
    if (*a != *b || *a == 0)
      return (unsigned char)*a - (unsigned char)*b;
  }
  return 0;
}

char *strchr(const char *text, int character) {
  for (; *text != (char)character; text++)
    if (*text == 0)
      return NULL;
  return (char *)(size_t)text;
}
