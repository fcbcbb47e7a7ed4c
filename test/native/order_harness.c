// Drives what tsrun-layer reads orders with. Built with -DLIBFUZZER -fsanitize=fuzzer: a libFuzzer target;
// else it does N mutations of the orders on stdin: order_harness N SEED. Each text is in a block of its own
// size, so that a sanitizer sees every byte that is read beyond it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../native/layer/order.h"

static void demand(int holds, const char *promise) {
  if (holds)
    return;
  fprintf(stderr, "broken promise: %s\n", promise);
  abort();
}

static char *copy_of(const unsigned char *from, size_t size) {
  char *copy = malloc(size > 0 ? size : 1);
  memcpy(copy, from, size);
  return copy;
}

// What is a path leads nowhere but down.
static void demand_path(const char *path, size_t length) {
  char text[MAX_PATH + 3];
  demand(length <= MAX_PATH, "a length");
  text[0] = '/';
  memcpy(text + 1, path, length);
  text[length + 1] = '/';
  text[length + 2] = 0;
  demand(strlen(text) == length + 2, "no NUL");
  demand(strstr(text, "//") == NULL, "no empty name");
  demand(strstr(text, "/./") == NULL && strstr(text, "/../") == NULL, "no dots");
}

static int has_path(uint8_t code) {
  return code != ORDER_DATA && code != ORDER_HOLE && code != ORDER_ATTRIBUTE && code != ORDER_FINISH;
}

// True: it was taken.
static int try_one(const unsigned char *data, size_t size) {
  struct head head;
  if (size < HEAD_SIZE)
    return 0;
  memcpy(&head, data, HEAD_SIZE);
  if (check_head(&head) != NULL)
    return 0;
  demand(head.code >= ORDER_DIRECTORY && head.code <= ORDER_END, "a known order");
  demand(head.code == ORDER_DATA || head.second <= MAX_VALUE, "a bound");
  size_t first = head.first, second = head.code == ORDER_DATA ? 0 : head.second;
  if (size - HEAD_SIZE < first + second)
    return 0;
  char *texts[2] = {copy_of(data + HEAD_SIZE, first), copy_of(data + HEAD_SIZE + first, second)};
  int taken = check_texts(&head, texts[0], texts[1]) == NULL;
  if (taken && has_path(head.code) && first > 0)
    demand_path(texts[0], first);
  if (taken && head.code == ORDER_LINK)
    demand_path(texts[1], second);
  free(texts[0]);
  free(texts[1]);
  return taken;
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  try_one(data, size);
  return 0;
}
#else
static uint64_t state;

static uint64_t random_below(uint64_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % limit;
}

int main(int count, char **args) {
  static unsigned char input[1 << 20], changed[HEAD_SIZE + 8192];
  size_t size = fread(input, 1, sizeof input, stdin);
  uint64_t times = count == 3 ? strtoull(args[1], NULL, 10) : 0, taken = 0;
  state = count == 3 ? strtoull(args[2], NULL, 10) | 1 : 1;
  for (uint64_t i = 0; i < times && size > HEAD_SIZE; i++) {
    size_t at = random_below(size - HEAD_SIZE),
           length = size - at < sizeof changed ? size - at : sizeof changed;
    memcpy(changed, input + (random_below(2) ? at : 0), length);
    for (uint64_t n = random_below(4); n > 0; n--)
      changed[random_below(2) ? random_below(length) : random_below(HEAD_SIZE + 8)] =
          (unsigned char)"./\0a\xff"[random_below(5)];
    taken += (uint64_t)try_one(changed, length);
  }
  printf("taken %" PRIu64 " of %" PRIu64 "\n", taken, times);
}
#endif
