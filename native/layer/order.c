#include "order.h"

#include "../init/memory.h"

#define FILE_TYPES 0170000u
#define FIFO 0010000u
#define CHARACTER 0020000u
#define BLOCK 0060000u

static bool is_name(const char *name, size_t length) {
  if (length == 0 || length > MAX_NAME)
    return false;
  return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

bool is_path(const char *path, size_t length) {
  size_t start = 0, depth = 0;
  if (length > MAX_PATH || memchr(path, 0, length) != NULL)
    return false;
  for (size_t at = 0; at <= length; at++) {
    if (at < length && path[at] != '/')
      continue;
    if (!is_name(path + start, at - start) || ++depth > MAX_DEPTH)
      return false;
    start = at + 1;
  }
  return true;
}

enum shape { NOTHING, PATH, PATH_OR_TARGET, NAME, TEXT, VALUE, ANYTHING };

// What the two texts of each order are.
static const struct {
  uint8_t first, second;
} SHAPES[] = {
    [ORDER_DIRECTORY] = {PATH_OR_TARGET, NOTHING},
    [ORDER_FILE] = {PATH, NOTHING},
    [ORDER_DATA] = {NOTHING, ANYTHING},
    [ORDER_HOLE] = {NOTHING, NOTHING},
    [ORDER_ATTRIBUTE] = {NAME, VALUE},
    [ORDER_FINISH] = {NOTHING, NOTHING},
    [ORDER_LINK] = {PATH, PATH},
    [ORDER_SYMLINK] = {PATH, TEXT},
    [ORDER_NODE] = {PATH, NOTHING},
    [ORDER_WHITEOUT] = {PATH, NOTHING},
    [ORDER_OPAQUE] = {PATH_OR_TARGET, NOTHING},
    [ORDER_SETTLE] = {PATH_OR_TARGET, NOTHING},
    [ORDER_CLEAR] = {NOTHING, NOTHING},
    [ORDER_READ] = {PATH_OR_TARGET, NOTHING},
    [ORDER_SYNC] = {NOTHING, NOTHING},
    [ORDER_END] = {NOTHING, NOTHING},
};

static size_t most(enum shape shape) {
  static const size_t MOST[] = {
      [NOTHING] = 0,     [PATH] = MAX_PATH,   [PATH_OR_TARGET] = MAX_PATH, [NAME] = MAX_NAME,
      [TEXT] = MAX_PATH, [VALUE] = MAX_VALUE, [ANYTHING] = UINT32_MAX,
  };
  return MOST[shape];
}

static bool fits(enum shape shape, const char *text, size_t length) {
  switch (shape) {
  case PATH:
    return is_path(text, length);
  case PATH_OR_TARGET:
    return length == 0 || is_path(text, length);
  case NAME:
  case TEXT:
    return length > 0 && memchr(text, 0, length) == NULL;
  case NOTHING:
  case VALUE:
  case ANYTHING:
    return true;
  }
  return false;
}

static bool is_mode(const struct head *head) {
  uint32_t type = head->mode & FILE_TYPES;
  if ((head->mode & ~(FILE_TYPES | 07777u)) != 0)
    return false;
  if (head->code != ORDER_NODE)
    return type == 0 && head->device == 0;
  return type == FIFO ? head->device == 0 : (type == CHARACTER || type == BLOCK) && head->device != 0;
}

const char *check_head(const struct head *head) {
  if (head->code == 0 || head->code > ORDER_END)
    return "an order that is unknown";
  if (head->zero != 0 || head->also_zero != 0 || head->nanoseconds > 999999999)
    return "an order with a head that is wrong";
  if (!is_mode(head))
    return "an order with a mode or a device that is wrong";
  if (head->code == ORDER_HOLE && head->number <= 0)
    return "a hole without a size";
  if (head->first > most(SHAPES[head->code].first) || head->second > most(SHAPES[head->code].second))
    return "an order with a text that is too long";
  return NULL;
}

const char *check_texts(const struct head *head, const char *first, const char *second) {
  if (!fits(SHAPES[head->code].first, first, head->first))
    return "an order with a path or a name that is wrong";
  if (!fits(SHAPES[head->code].second, second, head->second))
    return "an order with a target that is wrong";
  return NULL;
}
