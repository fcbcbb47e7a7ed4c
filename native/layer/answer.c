#include "layer.h"

#include "../init/memory.h"

// kind, order, length of the path, errno, then the name of the call and the path.
struct answer {
  uint8_t kind, code;
  uint16_t length;
  uint32_t error;
  char call[16];
  char path[MAX_PATH + 1];
};

void answer(enum order_code code, uint8_t kind, const char *call, long error, const char *path) {
  struct answer out = {.kind = kind, .code = (uint8_t)code, .error = (uint32_t)-error};
  size_t length = strlen(path), words = strlen(call);
  out.length = (uint16_t)(length > MAX_PATH ? MAX_PATH : length);
  memcpy(out.call, call, words < sizeof out.call ? words : sizeof out.call - 1);
  memcpy(out.path, path, out.length);
  send_records();
  // If nobody reads, there is nobody left to tell.
  if (sys_write(ANSWERS, &out, offsetof(struct answer, path) + out.length) < 0)
    sys_exit(1);
}

_Noreturn void fail(const struct layer *layer, const char *call, long error) {
  enum order_code code = (enum order_code)layer->head.code;
  bool within = code == ORDER_DATA || code == ORDER_HOLE || code == ORDER_FINISH || code == ORDER_ATTRIBUTE;
  answer(code, ANSWER_FAILED, call, error, within ? layer->current_path : layer->first);
  sys_exit(1);
}

_Noreturn void refuse(const struct layer *layer, const char *why) {
  answer((enum order_code)layer->head.code, ANSWER_REFUSED, "", 0, why);
  sys_exit(1);
}

int must(const struct layer *layer, const char *call, long result) {
  if (result < 0)
    fail(layer, call, result);
  return (int)result;
}
