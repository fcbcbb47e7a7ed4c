#include "layer.h"

#include "../init/memory.h"

static size_t left(const struct input *input) {
  return input->end - input->at;
}

// At least so many bytes are there then. The end of the orders before ORDER_END is the end of the runtime,
// or its wish that we end.
static void want(struct layer *layer, size_t size) {
  struct input *input = &layer->input;
  if (left(input) >= size)
    return;
  memmove(input->bytes, input->bytes + input->at, left(input));
  input->end -= input->at;
  input->at = 0;
  while (input->end < size) {
    long got = sys_read(ORDERS, input->bytes + input->end, sizeof input->bytes - input->end);
    if (got == -EINTR)
      continue;
    if (got <= 0)
      sys_exit(1);
    input->end += (size_t)got;
  }
}

const char *second_text(const struct layer *layer) {
  return layer->input.bytes + layer->input.at + layer->head.first;
}

void skip_texts(struct layer *layer) {
  layer->input.at += layer->head.first + layer->head.second;
}

void read_head(struct layer *layer) {
  want(layer, HEAD_SIZE);
  memcpy(&layer->head, layer->input.bytes + layer->input.at, HEAD_SIZE);
  layer->input.at += HEAD_SIZE;
  const char *wrong = check_head(&layer->head);
  if (wrong != NULL)
    refuse(layer, wrong);
  if (layer->head.code == ORDER_DATA)
    return;
  want(layer, (size_t)layer->head.first + layer->head.second);
  const char *first = layer->input.bytes + layer->input.at;
  wrong = check_texts(&layer->head, first, second_text(layer));
  if (wrong != NULL)
    refuse(layer, wrong);
  memcpy(layer->first, first, layer->head.first);
  layer->first[layer->head.first] = 0;
}

static void write_all(struct layer *layer, const char *from, size_t size) {
  while (size > 0) {
    int written = must(layer, "write", sys_write(layer->current, from, size));
    from += written;
    size -= (size_t)written;
  }
}

// By way of our memory, on a file system that can't take pages.
static void copy_data(struct layer *layer, size_t size) {
  struct input *input = &layer->input;
  while (size > 0) {
    want(layer, 1);
    size_t some = left(input) < size ? left(input) : size;
    write_all(layer, input->bytes + input->at, some);
    input->at += some;
    size -= some;
  }
}

void pour_data(struct layer *layer) {
  size_t size = layer->head.second;
  size_t here = left(&layer->input) < size ? left(&layer->input) : size;
  copy_data(layer, here);
  for (size -= here; size > 0;) {
    long moved = sys_splice(ORDERS, layer->current, size);
    if (moved == -EINVAL)
      return copy_data(layer, size);
    if (moved == 0)
      sys_exit(1);
    if (moved != -EINTR)
      size -= (size_t)must(layer, "splice", moved);
  }
}
