// Removes a tree by descriptors, without memory of its own: one descriptor for each level.
#include "layer.h"

#include "../init/memory.h"

struct path_down {
  int directories[MAX_DEPTH + 2];
  char names[MAX_DEPTH + 2][MAX_NAME + 1];
  size_t depth;
};

// Its own mode may keep us out, if we are not root.
static int open_to_empty(int dir, const char *name) {
  int fd = open_beneath_directory(dir, name, O_RDONLY | O_DIRECTORY);
  if (fd != -EACCES)
    return fd;
  struct statx found;
  int changed = sys_fchmodat2(dir, name, 0700, AT_SYMLINK_NOFOLLOW);
  // Before Linux 6.6.
  if (changed == -ENOSYS && sys_statx(dir, name, AT_SYMLINK_NOFOLLOW, &found) == 0 &&
      (found.stx_mode & S_IFMT) == S_IFDIR)
    changed = sys_fchmodat(dir, name, 0700);
  return changed < 0 ? fd : open_beneath_directory(dir, name, O_RDONLY | O_DIRECTORY);
}

// False: there is nothing left in it. A directory that is in the way is gone down into.
static bool remove_some(struct layer *layer, struct path_down *down) {
  _Alignas(struct entry) char entries[4096];
  int dir = down->directories[down->depth];
  bool any = false;
  must(layer, "lseek", sys_rewind(dir));
  int size = must(layer, "getdents64", sys_getdents(dir, entries, sizeof entries));
  for (int at = 0; at < size;) {
    const struct entry *entry = (const struct entry *)(const void *)(entries + at);
    at += entry->length;
    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
      continue;
    any = true;
    int removed = sys_unlinkat(dir, entry->name);
    if (removed == -EACCES && sys_fchmod(dir, 0700) == 0)
      removed = sys_unlinkat(dir, entry->name);
    if (removed == 0 || removed == -ENOENT)
      continue;
    int next = open_to_empty(dir, entry->name);
    // Not that it is no directory, but why it can't be removed.
    must(layer, "unlinkat", next == -ENOTDIR || next == -ELOOP ? removed : next);
    if (++down->depth == sizeof down->directories / sizeof *down->directories)
      fail(layer, "openat2", -ELOOP);
    down->directories[down->depth] = next;
    memcpy(down->names[down->depth], entry->name, strlen(entry->name) + 1);
    return true;
  }
  return any;
}

// Closes `first`.
static void empty(struct layer *layer, int first) {
  static struct path_down down;
  down.depth = 0;
  down.directories[0] = first;
  for (;;) {
    if (remove_some(layer, &down))
      continue;
    sys_close(down.directories[down.depth]);
    if (down.depth == 0)
      return;
    const char *inner = down.names[down.depth--];
    must(layer, "unlinkat", sys_rmdirat(down.directories[down.depth], inner));
  }
}

void clear_away(struct layer *layer, int dir, const char *name) {
  int removed = sys_unlinkat(dir, name);
  if (removed == 0 || removed == -ENOENT)
    return;
  if (removed != -EISDIR)
    fail(layer, "unlinkat", removed);
  // The parent of the orders before may be in there.
  bool is_parent = dir == layer->parent;
  empty(layer, must(layer, "openat2", open_to_empty(dir, name)));
  must(layer, "unlinkat", sys_rmdirat(dir, name));
  if (!is_parent)
    forget_parent(layer);
}

void clear_target(struct layer *layer) {
  empty(layer, must(layer, "openat2", open_beneath_target("", O_RDONLY | O_DIRECTORY)));
}
