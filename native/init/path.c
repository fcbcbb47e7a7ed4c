#include "path.h"

#include "memory.h"

#define MAX_LINKS 40
#define MAX_TRIES 256

// An absolute path being rid of its links: `done` has none, `rest` is still to be looked at.
struct expansion {
  char done[PATH_MAX], rest[2 * PATH_MAX];
};

static const struct owner CALLER = {UINT32_MAX, UINT32_MAX};

static int open_how(int dir, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  int fd = -EAGAIN;
  // The kernel gives up on ".." while something is renamed or mounted anywhere, which an attacker can do all
  // day.
  for (int tries = 0; fd == -EAGAIN && tries < MAX_TRIES; tries++)
    fd = sys_openat2(dir, path, &how);
  return fd;
}

int open_in_root(const struct init *init, const char *path, uint64_t flags, uint64_t resolve) {
  uint64_t links = (resolve & OP_RESOLVE_NO_SYMLINKS) != 0 ? RESOLVE_NO_SYMLINKS : 0;
  int fd = open_how(init->root, path, flags, RESOLVE_IN_ROOT | links);
  if (fd == -ELOOP && links != 0)
    violate(&init->report, VIOLATION_PATH, path);
  return fd;
}

int open_beneath(int dir, const char *path, uint64_t flags, bool one_mount) {
  return open_how(dir, path, flags,
                  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | (one_mount ? RESOLVE_NO_XDEV : 0));
}

struct statx stat_of(const struct init *init, int fd, const char *path) {
  struct statx found;
  must(&init->report, "statx", sys_statx(fd, "", AT_EMPTY_PATH, &found), path);
  return found;
}

bool is_directory(const struct statx *found) {
  return (found->stx_mode & S_IFMT) == S_IFDIR;
}

bool is_device(const struct statx *found, uint32_t type, uint32_t major, uint32_t minor) {
  return (found->stx_mode & S_IFMT) == type && found->stx_rdev_major == major &&
         found->stx_rdev_minor == minor;
}

void change_owner(const struct init *init, int fd, const struct statx *found, struct owner owner,
                  const char *path) {
  bool same = (owner.uid == UINT32_MAX || found->stx_uid == owner.uid) &&
              (owner.gid == UINT32_MAX || found->stx_gid == owner.gid);
  if (!same)
    must(&init->report, "fchownat", sys_fchownat(fd, "", owner.uid, owner.gid, AT_EMPTY_PATH), path);
}

void set_owner(const struct init *init, int fd, struct owner owner, const char *path) {
  if (owner.uid == UINT32_MAX && owner.gid == UINT32_MAX)
    return;
  struct statx found = stat_of(init, fd, path);
  change_owner(init, fd, &found, owner, path);
}

// Moves the first component of `path` to `name`; false if there is none.
static bool next_component(const char **path, char name[PATH_MAX]) {
  const char *at = *path;
  while (*at == '/')
    at++;
  size_t length = 0;
  while (at[length] != 0 && at[length] != '/')
    length++;
  memcpy(name, at, length);
  name[length] = 0;
  *path = at + length;
  return length > 0;
}

// A path longer than the kernel takes.
static void check_length(const struct init *init, size_t length, const char *path) {
  if (length >= PATH_MAX)
    fail(&init->report, "openat2", -ENAMETOOLONG, path);
}

static void append(const struct init *init, char *path, const char *name) {
  size_t length = strlen(path), more = strlen(name);
  check_length(init, length + 1 + more, name);
  path[length] = '/';
  memcpy(path + length + 1, name, more + 1);
}

static void remove_last(char *path) {
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] != '/')
    length--;
  path[length > 0 ? length - 1 : 0] = 0;
}

// Where `done` is a link, it is replaced by what it points to. True where it was one.
static bool expand_link(const struct init *init, struct expansion *path, size_t at) {
  int fd = open_how(init->root, path->done, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  if (fd < 0)
    return false;
  char target[PATH_MAX];
  long length = sys_readlinkat(fd, "", target, sizeof target - 1);
  sys_close(fd);
  if (length <= 0)
    return false;
  size_t left = strlen(path->rest + at);
  check_length(init, (size_t)length + left, path->done);
  memmove(path->rest + length, path->rest + at, left + 1);
  memcpy(path->rest, target, (size_t)length);
  if (target[0] == '/')
    path->done[0] = 0;
  else
    remove_last(path->done);
  return true;
}

// Links that point at what is not there yet keep the kernel from resolving a path that we are about to make.
// The result is but a guess, for it may change before it is used; it is used without following any link.
static void expand_links(const struct init *init, const char *path, struct expansion *to) {
  size_t length = strlen(path);
  check_length(init, length, path);
  memcpy(to->rest, path, length + 1);
  to->done[0] = 0;
  char name[PATH_MAX];
  const char *at = to->rest;
  for (int links = 0; next_component(&at, name);) {
    if (strcmp(name, ".") == 0)
      continue;
    if (strcmp(name, "..") == 0) {
      remove_last(to->done);
      continue;
    }
    append(init, to->done, name);
    if (!expand_link(init, to, (size_t)(at - to->rest)))
      continue;
    at = to->rest;
    if (++links > MAX_LINKS)
      fail(&init->report, "openat2", -ELOOP, path);
  }
}

// Opens a directory in a directory, by no link, and makes it if it is missing.
static int enter(const struct init *init, int dir, const char *name, uint32_t mode, struct owner owner) {
  int fd = open_beneath(dir, name, O_PATH | O_DIRECTORY, false);
  if (fd != -ENOENT)
    return fd;
  int made = sys_mkdirat(dir, name, mode);
  if (made < 0 && made != -EEXIST)
    fail(&init->report, "mkdirat", made, name);
  fd = open_beneath(dir, name, O_PATH | O_DIRECTORY, false);
  if (fd >= 0 && made == 0)
    set_owner(init, fd, owner, name);
  return fd;
}

// Walks down `path`, which has no links and no "..", and makes what is missing.
static int make_path(const struct init *init, const char *path, uint32_t mode, struct owner owner) {
  char name[PATH_MAX];
  const char *at = path;
  int dir = must(&init->report, "openat2", open_how(init->root, ".", O_PATH | O_DIRECTORY, 0), path);
  while (next_component(&at, name)) {
    int next = enter(init, dir, name, mode, owner);
    if (next == -ELOOP)
      violate(&init->report, VIOLATION_PATH, path);
    must(&init->report, "openat2", next, path);
    sys_close(dir);
    dir = next;
  }
  return dir;
}

int make_directory(const struct init *init, const char *path, uint32_t mode, struct owner owner) {
  int fd = open_in_root(init, path, O_PATH | O_DIRECTORY, OP_RESOLVE_IN_ROOT);
  if (fd != -ENOENT)
    return must(&init->report, "openat2", fd, path);
  struct expansion expansion;
  expand_links(init, path, &expansion);
  return make_path(init, expansion.done, mode, owner);
}

// Splits `path` before its last component. False if that names nothing, or the path is too long.
static bool split(const char *path, char folder[PATH_MAX + 1], char name[PATH_MAX]) {
  size_t length = strlen(path);
  if (length >= PATH_MAX)
    return false;
  while (length > 0 && path[length - 1] == '/')
    length--;
  size_t start = length;
  while (start > 0 && path[start - 1] != '/')
    start--;
  memcpy(name, path + start, length - start);
  name[length - start] = 0;
  folder[0] = '/';
  memcpy(folder + 1, path, start);
  folder[1 + start] = 0;
  return name[0] != 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void must_split(const struct init *init, const char *path, char folder[PATH_MAX + 1],
                       char name[PATH_MAX]) {
  check_length(init, strlen(path), path);
  if (!split(path, folder, name))
    fail(&init->report, "openat2", -EINVAL, path);
}

// The last component is left as it is, link or not.
int open_parent(const struct init *init, const char *path, char name[PATH_MAX]) {
  char folder[PATH_MAX + 1];
  must_split(init, path, folder, name);
  return make_directory(init, folder, 0755, CALLER);
}

int keep_parent(struct init *init, const char *path, char name[PATH_MAX]) {
  char folder[PATH_MAX + 1];
  must_split(init, path, folder, name);
  size_t length = strlen(folder) - 1;
  if (init->folder >= 0 && length == init->folder_length && memcmp(path, init->in_folder, length) == 0)
    return init->folder;
  drop(&init->folder);
  init->in_folder = path;
  init->folder_length = length;
  return init->folder = make_directory(init, folder, 0755, CALLER);
}

// The usual case: only the last component is missing, and no link is on the way to it. -1: it is another one.
static int make_last(const struct init *init, const char *path) {
  char folder[PATH_MAX + 1], name[PATH_MAX];
  if (!split(path, folder, name))
    return -1;
  int dir = open_how(init->root, folder, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  if (dir < 0)
    return -1;
  int fd = sys_mkdirat(dir, name, 0755) < 0 ? -1 : open_beneath(dir, name, O_PATH | O_DIRECTORY, false);
  sys_close(dir);
  return fd < 0 ? -1 : fd;
}

// An empty file; should one appear meanwhile, that is fine as well.
static int make_file(const struct init *init, const char *path) {
  char name[PATH_MAX];
  int dir = open_parent(init, path, name);
  int made = sys_openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (made >= 0)
    sys_close(made);
  else if (made != -EEXIST)
    fail(&init->report, "openat", made, path);
  int fd = open_beneath(dir, name, O_PATH, false);
  if (fd == -ELOOP)
    violate(&init->report, VIOLATION_PATH, path);
  sys_close(dir);
  return must(&init->report, "openat2", fd, path);
}

int open_target(const struct init *init, const char *path, bool directory, uint64_t resolve) {
  int fd = open_in_root(init, path, O_PATH, resolve);
  if (fd != -ENOENT)
    return must(&init->report, "openat2", fd, path);
  fd = directory ? make_last(init, path) : -1;
  if (fd >= 0)
    return fd;
  struct expansion expansion;
  expand_links(init, path, &expansion);
  return directory ? make_path(init, expansion.done, 0755, CALLER) : make_file(init, expansion.done);
}
