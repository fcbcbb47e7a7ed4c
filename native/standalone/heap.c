// The engine's memory. When the executable is built the program is loaded once, and what the engine has made
// of it is kept in the executable: it starts with the heap that it would have after a few milliseconds.
// Blocks in the image stay where they are; those that a process frees are not used again.
#include "engine.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef IMAGE_BYTES
#error "compile with scripts/standalone/build.mjs"
#endif

enum { ALIGNMENT = 16, MARK_BYTES = 16 };

struct block {
  size_t size;
  // The next free one; only while the image is made.
  struct block *next;
  char bytes[];
};

// `mark` is how the build finds it in the file.
struct image {
  char mark[MARK_BYTES];
  size_t used;
  bool is_loaded;
  struct loaded loaded;
  _Alignas(ALIGNMENT) char bytes[IMAGE_BYTES];
};

static struct image image __attribute__((section(".image"), aligned(4096))) = {.mark = "tsrun heap image"};

static bool is_in_image(const void *pointer) {
  return (const char *)pointer >= image.bytes && (const char *)pointer < image.bytes + sizeof image.bytes;
}

static struct block *block_of(const void *pointer) {
  return (struct block *)((uintptr_t)pointer - offsetof(struct block, bytes));
}

// In order of address. Parsing leaves much behind that is used again.
static struct block *freed;

static struct block *after(const struct block *block) {
  return (struct block *)((uintptr_t)block->bytes + block->size);
}

// What is left of a block that is larger than it has to be is free.
static void split(struct block *block, size_t size, struct block **link) {
  if (block->size - size < 2 * sizeof(struct block)) {
    *link = block->next;
    return;
  }
  struct block *rest = (struct block *)((uintptr_t)block->bytes + size);
  *rest = (struct block){.size = block->size - size - sizeof(struct block), .next = block->next};
  block->size = size;
  *link = rest;
}

static unsigned int taken_blocks;

static void *take_from_image(size_t size) {
  taken_blocks++;
  if (size > sizeof image.bytes)
    return NULL;
  size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  for (struct block **link = &freed; *link; link = &(*link)->next)
    if ((*link)->size >= size) {
      struct block *block = *link;
      split(block, size, link);
      return block->bytes;
    }
  if (sizeof(struct block) + size > sizeof image.bytes - image.used)
    return NULL;
  struct block *block = (struct block *)(void *)(image.bytes + image.used);
  image.used += sizeof(struct block) + size;
  block->size = size;
  return block->bytes;
}

static void join(struct block *block) {
  while (block->next && after(block) == block->next) {
    block->size += sizeof(struct block) + block->next->size;
    block->next = block->next->next;
  }
}

static void give_to_image(struct block *block) {
  struct block **link = &freed, *before = NULL;
  for (; *link && *link < block; link = &(*link)->next)
    before = *link;
  block->next = *link;
  *link = block;
  join(block);
  if (before)
    join(before);
}

// What a process may have at a time. A configuration has 16 Mi characters at most, which become some 20 times
// as much.
enum { RESERVE = 1 << 20 };
static size_t limit = (size_t)1 << 30, in_use;
static void *reserve;

bool heap_begin(void) {
  reserve = malloc(RESERVE);
  return reserve != NULL;
}

// The first time that there is no more, what asks for it fails, and there is room again for the error and
// what it undoes.
static void *refuse(void) {
  free(reserve);
  reserve = NULL;
  limit += RESERVE;
  return NULL;
}

static bool is_allowed(size_t before, size_t size) {
  return size <= SIZE_MAX - sizeof(struct block) - in_use && in_use - before + size <= limit;
}

static void *take(void *opaque, size_t size) {
  (void)opaque;
  if (!image.is_loaded)
    return take_from_image(size);
  struct block *block = is_allowed(0, size) ? malloc(sizeof(struct block) + size) : NULL;
  if (!block)
    return refuse();
  block->size = size;
  in_use += size;
  return block->bytes;
}

static void *take_zeroed(void *opaque, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size)
    return NULL;
  void *taken = take(opaque, count * size);
  if (taken)
    memset(taken, 0, count * size);
  return taken;
}

static void give(void *opaque, void *pointer) {
  (void)opaque;
  if (!pointer)
    return;
  if (!is_in_image(pointer)) {
    in_use -= block_of(pointer)->size;
    free(block_of(pointer));
  } else if (!image.is_loaded) {
    give_to_image(block_of(pointer));
  }
}

static void *take_again(void *opaque, void *pointer, size_t size) {
  if (!pointer)
    return take(opaque, size);
  struct block *old = block_of(pointer);
  if (is_in_image(pointer)) {
    if (size <= old->size)
      return pointer;
    void *taken = take(opaque, size);
    if (taken) {
      memcpy(taken, pointer, old->size);
      give(opaque, pointer);
    }
    return taken;
  }
  size_t before = old->size;
  struct block *block = is_allowed(before, size) ? realloc(old, sizeof(struct block) + size) : NULL;
  if (!block)
    return refuse();
  block->size = size;
  in_use = in_use - before + size;
  return block->bytes;
}

static size_t size_of(const void *pointer) {
  return pointer ? block_of(pointer)->size : 0;
}

const JSMallocFunctions heap_functions = {
    .js_calloc = take_zeroed,
    .js_malloc = take,
    .js_free = give,
    .js_realloc = take_again,
    .js_malloc_usable_size = size_of,
};

bool heap_is_loaded(void) {
  return image.is_loaded;
}

struct loaded *heap_loaded(void) {
  return &image.loaded;
}

// The engine keeps small blocks of one size together, and fills the gaps first: what a process makes would
// lie in a hundred pages of the image, each to be copied. The gaps are filled here, until a new set of blocks
// has been begun for each size.
void heap_fill_gaps(JSContext *ctx) {
  enum { LARGEST = 512, STEP = 8 };
  size_t before = 0;
  for (size_t size = STEP; size <= LARGEST; size += STEP) {
    void *first = js_malloc(ctx, size);
    size_t room = js_malloc_usable_size(ctx, first);
    if (room == before)
      continue;
    before = room;
    for (unsigned int blocks = taken_blocks; blocks == taken_blocks;)
      if (!js_malloc(ctx, size))
        return;
  }
}

int heap_save(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    return -1;
  image.is_loaded = true;
  const char *bytes = (const char *)&image;
  size_t length = offsetof(struct image, bytes) + image.used;
  for (size_t at = 0; at < length;) {
    ssize_t written = write(fd, bytes + at, length - at);
    if (written < 0)
      return -1;
    at += (size_t)written;
  }
  return close(fd);
}
