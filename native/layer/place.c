#include "layer.h"

#include "../init/memory.h"

#define OVERLAY_OPAQUE "y"

int open_beneath_directory(int dir, const char *path, uint64_t flags) {
  struct open_how how = {
      .flags = flags | O_NOFOLLOW | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
  };
  return sys_openat2(dir, path[0] == 0 ? "." : path, &how);
}

int open_beneath_target(const char *path, uint64_t flags) {
  return open_beneath_directory(TARGET, path, flags);
}

void forget_parent(struct layer *layer) {
  if (layer->parent >= 0)
    sys_close(layer->parent);
  layer->parent = -1;
}

bool is_whiteout(const struct layer *layer, int dir, const char *name) {
  struct statx found;
  must(layer, "statx", sys_statx(dir, name, AT_SYMLINK_NOFOLLOW, &found));
  return (found.stx_mode & S_IFMT) == S_IFCHR && found.stx_rdev_major == 0 && found.stx_rdev_minor == 0;
}

// The kernel says only that it is no directory.
bool is_link(int dir, const char *name) {
  struct statx found;
  return sys_statx(dir, name, AT_SYMLINK_NOFOLLOW, &found) == 0 && (found.stx_mode & S_IFMT) == S_IFLNK;
}

void mark_opaque(struct layer *layer, int fd) {
  must(layer, "fsetxattr", sys_fsetxattr(fd, layer->opaque, OVERLAY_OPAQUE, sizeof OVERLAY_OPAQUE - 1));
}

static int make_directory(struct layer *layer, int dir, const char *name) {
  must(layer, "mkdirat", sys_mkdirat(dir, name, 0755));
  return must(layer, "openat2", open_beneath_directory(dir, name, O_RDONLY | O_DIRECTORY));
}

// A directory in the place of a whiteout of the same layer: what is below it is gone all the same.
int enter(struct layer *layer, int dir, const char *name, bool replace) {
  int fd = open_beneath_directory(dir, name, O_RDONLY | O_DIRECTORY);
  if (fd == -ENOENT)
    return make_directory(layer, dir, name);
  if (fd != -ENOTDIR && fd != -ELOOP)
    return must(layer, "openat2", fd);
  bool hides = is_whiteout(layer, dir, name);
  if (!hides && !replace)
    fail(layer, "openat2", is_link(dir, name) ? -ELOOP : fd);
  clear_away(layer, dir, name);
  fd = make_directory(layer, dir, name);
  if (hides)
    mark_opaque(layer, fd);
  return fd;
}

// Walks down, and makes what is missing.
static int make_parents(struct layer *layer, const char *path, size_t length) {
  char name[MAX_NAME + 1];
  int dir = TARGET;
  for (size_t at = 0; at < length;) {
    size_t end = at;
    while (end < length && path[end] != '/')
      end++;
    memcpy(name, path + at, end - at);
    name[end - at] = 0;
    int next = enter(layer, dir, name, false);
    if (dir != TARGET)
      sys_close(dir);
    dir = next;
    at = end + 1;
  }
  return dir;
}

// The one of the order before is often that of this one.
int open_parent(struct layer *layer, const char **name) {
  size_t length = layer->head.first;
  while (length > 0 && layer->first[length - 1] != '/')
    length--;
  *name = layer->first + length;
  if (length == 0)
    return TARGET;
  length--;
  if (layer->parent >= 0 && length == layer->parent_length &&
      memcmp(layer->parent_path, layer->first, length) == 0)
    return layer->parent;
  forget_parent(layer);
  memcpy(layer->parent_path, layer->first, length);
  layer->parent_path[length] = 0;
  layer->parent_length = length;
  int found = open_beneath_target(layer->parent_path, O_PATH | O_DIRECTORY);
  layer->parent = found == -ENOENT || found == -ENOTDIR ? make_parents(layer, layer->first, length)
                                                        : must(layer, "openat2", found);
  return layer->parent;
}
