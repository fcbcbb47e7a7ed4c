// Arguments from JavaScript. A number that C cannot hold is an error, and no smaller number.
#include "engine.h"
#include <string.h>

// Of a number or a bigint, which has to be whole.
static bool take_whole(JSContext *ctx, JSValueConst value, int64_t least, int64_t most, int64_t *taken) {
  double number = 0;
  if (JS_IsBigInt(value)) {
    if (JS_ToBigInt64(ctx, taken, value) < 0)
      return false;
  } else if (JS_ToFloat64(ctx, &number, value) < 0) {
    return false;
  } else {
    *taken = number >= -0x1p63 && number < 0x1p63 ? (int64_t)number : INT64_MIN;
  }
  if ((!JS_IsBigInt(value) && (double)*taken != number) || *taken < least || *taken > most) {
    JS_ThrowRangeError(ctx, "an argument of a native function is out of range");
    return false;
  }
  return true;
}

bool take_int(JSContext *ctx, JSValueConst value, int *taken) {
  int64_t number;
  if (!take_whole(ctx, value, INT32_MIN, INT32_MAX, &number))
    return false;
  *taken = (int)number;
  return true;
}

bool take_uint32(JSContext *ctx, JSValueConst value, uint32_t *taken) {
  int64_t number;
  if (!take_whole(ctx, value, 0, UINT32_MAX, &number))
    return false;
  *taken = (uint32_t)number;
  return true;
}

bool take_size(JSContext *ctx, JSValueConst value, size_t *taken) {
  int64_t number;
  if (!take_whole(ctx, value, 0, INT64_MAX, &number))
    return false;
  *taken = (size_t)number;
  return true;
}

bool take_bytes(JSContext *ctx, JSValueConst value, uint8_t **taken, size_t *length) {
  *taken = NULL;
  *length = 0;
  if (JS_IsNull(value) || JS_IsUndefined(value))
    return true;
  *taken = JS_GetUint8Array(ctx, length, value);
  return *taken != NULL || !JS_HasException(ctx);
}

bool take_text(JSContext *ctx, JSValueConst value, const char **taken) {
  size_t length;
  if (!JS_IsString(value)) {
    uint8_t *bytes;
    bool is_taken = take_bytes(ctx, value, &bytes, &length);
    *taken = (const char *)bytes;
    return is_taken;
  }
  *taken = JS_ToCStringLen(ctx, &length, value);
  if (!*taken)
    return false;
  if (strlen(*taken) == length)
    return true;
  JS_FreeCString(ctx, *taken);
  JS_ThrowTypeError(ctx, "a text for the kernel has a NUL");
  return false;
}

void drop_text(JSContext *ctx, JSValueConst value, const char *taken) {
  if (JS_IsString(value))
    JS_FreeCString(ctx, taken);
}
