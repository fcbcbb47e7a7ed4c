// UTF-8, and SHA-256, for the parts of Buffer, TextDecoder and node:crypto that are used.
#include "engine.h"
#include "sha256.h"
#include <stdlib.h>
#include <string.h>

// The engine writes half of a surrogate pair as three bytes; in UTF-8 it is U+FFFD, which has as many.
static void replace_surrogates(uint8_t *bytes, size_t length) {
  for (uint8_t *at = bytes; (at = memchr(at, 0xed, length - (size_t)(at - bytes))) != NULL; at++)
    if (at + 2 < bytes + length && at[1] >= 0xa0)
      memcpy(at, "\xef\xbf\xbd", 3);
}

// encode(text): its bytes.
NATIVE(encode) {
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!text)
    return JS_EXCEPTION;
  JSValue bytes = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, length);
  JS_FreeCString(ctx, text);
  uint8_t *copied = JS_IsException(bytes) ? NULL : JS_GetUint8Array(ctx, &length, bytes);
  if (copied)
    replace_surrogates(copied, length);
  return bytes;
}

// encodeInto(text, bytes): how many bytes there are now; -1: there is no room for them.
NATIVE(encode_into) {
  size_t length, room;
  uint8_t *bytes;
  if (!take_bytes(ctx, argv[1], &bytes, &room))
    return JS_EXCEPTION;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!text)
    return JS_EXCEPTION;
  bool fits = length <= room;
  if (fits && length > 0) {
    memcpy(bytes, text, length);
    replace_surrogates(bytes, length);
  }
  JS_FreeCString(ctx, text);
  return JS_NewInt64(ctx, fits ? (int64_t)length : -1);
}

NATIVE(encoded_length) {
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!text)
    return JS_EXCEPTION;
  JS_FreeCString(ctx, text);
  return JS_NewInt64(ctx, (int64_t)length);
}

struct decoding {
  const uint8_t *at;
  const uint8_t *end;
  bool is_broken;
};

// One character, as the encoding standard says: what can't be one is U+FFFD, as few bytes at a time as that
// takes.
static uint32_t next_character(struct decoding *text) {
  uint8_t first = *text->at++;
  int more = first < 0x80   ? 0
             : first < 0xc2 ? -1
             : first < 0xe0 ? 1
             : first < 0xf0 ? 2
             : first < 0xf5 ? 3
                            : -1;
  uint32_t character = more == 0 ? first : more > 0 ? first & (0x3fu >> more) : 0;
  uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (; more > 0; more--) {
    if (text->at == text->end || *text->at < low || *text->at > high)
      break;
    character = character << 6 | (*text->at++ & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  if (more == 0)
    return character;
  text->is_broken = true;
  return 0xfffd;
}

static bool is_ascii(const uint8_t *bytes, size_t length) {
  uint8_t all = 0;
  for (size_t i = 0; i < length; i++)
    all |= bytes[i];
  return all < 0x80;
}

// decode(bytes, strict): the text; null: it is strict, and this is no UTF-8.
NATIVE(decode) {
  uint8_t *bytes;
  size_t length, count = 0;
  if (!take_bytes(ctx, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  if (length == 0 || is_ascii(bytes, length))
    return JS_NewStringLen(ctx, (const char *)bytes, length);
  // No character takes more units than bytes.
  uint16_t *units = js_malloc(ctx, length * sizeof *units);
  if (!units)
    return JS_EXCEPTION;
  struct decoding text = {.at = bytes, .end = bytes + length};
  while (text.at < text.end) {
    uint32_t character = next_character(&text);
    if (character >= 0x10000) {
      units[count++] = (uint16_t)(0xd7c0 + (character >> 10));
      units[count++] = (uint16_t)(0xdc00 + (character & 0x3ff));
    } else {
      units[count++] = (uint16_t)character;
    }
  }
  JSValue value =
      text.is_broken && JS_ToBool(ctx, argv[1]) == 1 ? JS_NULL : JS_NewStringUTF16(ctx, units, count);
  js_free(ctx, units);
  return value;
}

// sha256(bytes): the 32 bytes of it.
NATIVE(hash) {
  uint8_t *bytes, digest[SHA256_BYTES];
  size_t length;
  if (!take_bytes(ctx, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  sha256(bytes, length, digest);
  return JS_NewUint8ArrayCopy(ctx, digest, sizeof digest);
}

void text_functions(JSContext *ctx, JSValue host) {
  add_function(ctx, host, "encode", encode, 1);
  add_function(ctx, host, "encodeInto", encode_into, 2);
  add_function(ctx, host, "encodedLength", encoded_length, 1);
  add_function(ctx, host, "decode", decode, 2);
  add_function(ctx, host, "sha256", hash, 1);
}
