// The orders, one function each.
#include "layer.h"

#include "../init/memory.h"

#define ATTEMPTS 8 // somebody else makes what we have just removed

static struct instant time_of(const struct head *head) {
  return (struct instant){head->number, head->nanoseconds};
}

static void own(const struct layer *layer, int dir, const char *name) {
  const struct head *head = &layer->head;
  if (layer->owners)
    must(layer, "fchownat", sys_fchownat(dir, name, head->uid, head->gid, AT_SYMLINK_NOFOLLOW));
}

static void begin(struct layer *layer, int fd) {
  layer->current = fd;
  layer->about = layer->head;
  layer->has_hole = false;
  memcpy(layer->current_path, layer->first, layer->head.first + 1u);
  // Before there are attributes: a change of the owner takes capabilities away.
  if (layer->owners)
    must(layer, "fchown", sys_fchown(fd, layer->head.uid, layer->head.gid));
}

static int open_or_make(struct layer *layer, bool replace) {
  const char *name;
  if (layer->head.first == 0)
    return must(layer, "openat2", open_beneath_target("", O_RDONLY | O_DIRECTORY));
  int dir = open_parent(layer, &name);
  return enter(layer, dir, name, replace);
}

// Its own mode and times come at the end: the one may keep us out, the others change with what is made in it.
static void carry_directory(struct layer *layer) {
  begin(layer, open_or_make(layer, true));
  must(layer, "fchmod", sys_fchmod(layer->current, 0700));
}

// What was there before under this name gives way. Makes with `make` until nothing is.
static int make_new(struct layer *layer, int (*make)(struct layer *, int, const char *), const char *call) {
  const char *name;
  int dir = open_parent(layer, &name);
  int made = make(layer, dir, name);
  for (int i = 0; made == -EEXIST && i < ATTEMPTS; i++) {
    clear_away(layer, dir, name);
    made = make(layer, dir, name);
  }
  return must(layer, call, made);
}

static int make_file(struct layer *layer, int dir, const char *name) {
  (void)layer;
  return sys_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int make_symlink(struct layer *layer, int dir, const char *name) {
  return sys_symlinkat(layer->second, dir, name);
}

static int make_node(struct layer *layer, int dir, const char *name) {
  return sys_mknodat(dir, name, layer->head.mode, layer->head.device);
}

// Of what is no file: nothing can be done to it by a descriptor.
static void dress(struct layer *layer) {
  const char *name;
  int dir = open_parent(layer, &name);
  own(layer, dir, name);
  must(layer, "utimensat", sys_set_instant(dir, name, time_of(&layer->head)));
}

static void carry_file(struct layer *layer) {
  begin(layer, make_new(layer, make_file, "openat"));
}

static void carry_symlink(struct layer *layer) {
  make_new(layer, make_symlink, "symlinkat");
  dress(layer);
}

static void carry_node(struct layer *layer) {
  if ((layer->head.mode & S_IFMT) != S_IFIFO && !layer->devices)
    refuse(layer, "a device that may not be made");
  make_new(layer, make_node, "mknodat");
  dress(layer);
}

static int make_link(struct layer *layer, int dir, const char *name) {
  size_t length = layer->head.second;
  while (length > 0 && layer->second[length - 1] != '/')
    length--;
  const char *target = layer->second + length;
  if (length == 0)
    return sys_linkat(TARGET, target, dir, name);
  layer->second[length - 1] = 0;
  int from = open_beneath_target(layer->second, O_PATH | O_DIRECTORY);
  if (from == -ENOTDIR && is_link(TARGET, layer->second))
    from = -ELOOP;
  must(layer, "openat2", from);
  layer->second[length - 1] = '/';
  int made = sys_linkat(from, target, dir, name);
  sys_close(from);
  return made;
}

// A link to itself is there already.
static void carry_link(struct layer *layer) {
  if (layer->head.first != layer->head.second || memcmp(layer->first, layer->second, layer->head.first) != 0)
    make_new(layer, make_link, "linkat");
}

// A whiteout is about the layers below. What this layer has under the name stays; a directory hides.
static void carry_whiteout(struct layer *layer) {
  const char *name;
  int dir = open_parent(layer, &name);
  int made = sys_mknodat(dir, name, S_IFCHR, 0);
  if (made != -EEXIST) {
    must(layer, "mknodat", made);
    return;
  }
  int fd = open_beneath_directory(dir, name, O_RDONLY | O_DIRECTORY);
  if (fd == -ENOTDIR || fd == -ELOOP)
    return;
  mark_opaque(layer, must(layer, "openat2", fd));
  sys_close(fd);
}

static void carry_opaque(struct layer *layer) {
  int fd = open_or_make(layer, false);
  mark_opaque(layer, fd);
  sys_close(fd);
}

static void carry_hole(struct layer *layer) {
  must(layer, "lseek", sys_seek(layer->current, layer->head.number) < 0 ? -EFBIG : 0);
  layer->has_hole = true;
}

static void carry_attribute(struct layer *layer) {
  const char *value = second_text(layer);
  must(layer, "fsetxattr", sys_fsetxattr(layer->current, layer->first, value, layer->head.second));
}

static void carry_finish(struct layer *layer) {
  int fd = layer->current;
  if (layer->has_hole)
    must(layer, "ftruncate", sys_ftruncate(fd, sys_seek(fd, 0)));
  if (layer->about.code == ORDER_FILE) {
    must(layer, "fchmod", sys_fchmod(fd, layer->about.mode));
    must(layer, "utimensat", sys_set_instant(fd, NULL, time_of(&layer->about)));
  }
  sys_close(fd);
  layer->current = -1;
}

// A directory that a later entry has replaced has nothing to be settled.
static void carry_settle(struct layer *layer) {
  int fd = open_beneath_target(layer->first, O_RDONLY | O_DIRECTORY);
  if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
    return;
  must(layer, "openat2", fd);
  must(layer, "fchmod", sys_fchmod(fd, layer->head.mode));
  must(layer, "utimensat", sys_set_instant(fd, NULL, time_of(&layer->head)));
  sys_close(fd);
}

static void carry_clear(struct layer *layer) {
  forget_parent(layer);
  clear_target(layer);
}

static void carry_sync(struct layer *layer) {
  int fd = must(layer, "openat2", open_beneath_target("", O_RDONLY | O_DIRECTORY));
  must(layer, "syncfs", sys_syncfs(fd));
  sys_close(fd);
}

static void check_state(const struct layer *layer) {
  bool is_file = layer->current >= 0 && layer->about.code == ORDER_FILE;
  enum order_code code = (enum order_code)layer->head.code;
  bool wants_file = code == ORDER_DATA || code == ORDER_HOLE;
  bool wants_current = wants_file || code == ORDER_ATTRIBUTE || code == ORDER_FINISH;
  if (layer->reads != (code == ORDER_READ) && code != ORDER_END)
    refuse(layer, "an order that is not for this process");
  if (wants_current != (layer->current >= 0) || (wants_file && !is_file))
    refuse(layer, "an order out of its turn");
}

void carry_out(struct layer *layer) {
  static void (*const CARRY[])(struct layer *) = {
      [ORDER_DIRECTORY] = carry_directory, [ORDER_FILE] = carry_file,           [ORDER_DATA] = pour_data,
      [ORDER_HOLE] = carry_hole,           [ORDER_ATTRIBUTE] = carry_attribute, [ORDER_FINISH] = carry_finish,
      [ORDER_LINK] = carry_link,           [ORDER_SYMLINK] = carry_symlink,     [ORDER_NODE] = carry_node,
      [ORDER_WHITEOUT] = carry_whiteout,   [ORDER_OPAQUE] = carry_opaque,       [ORDER_SETTLE] = carry_settle,
      [ORDER_CLEAR] = carry_clear,         [ORDER_READ] = tell_entry,           [ORDER_SYNC] = carry_sync,
  };
  check_state(layer);
  if (layer->head.code == ORDER_LINK || layer->head.code == ORDER_SYMLINK) {
    memcpy(layer->second, second_text(layer), layer->head.second);
    layer->second[layer->head.second] = 0;
  }
  CARRY[layer->head.code](layer);
  if (layer->head.code != ORDER_DATA)
    skip_texts(layer);
}
