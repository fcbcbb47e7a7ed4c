#include "copy.h"

#include "memory.h"
#include "path.h"

#define MAX_DEPTH 64
#define MAX_ATTRIBUTES 4096

static void copy_entries(const struct init *init, int from, int to, unsigned int depth, const char *path);

// An owner that has no id here is left out, as the kernel would not take it.
static void copy_owner(const struct init *init, int to, const char *name, const struct statx *like) {
  int flags = name[0] == 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  int result = sys_fchownat(to, name, like->stx_uid, like->stx_gid, flags);
  if (result != -EINVAL)
    must(&init->report, "fchownat", result, name);
}

static void copy_attribute(const struct init *init, int from, int to, const char *name) {
  char value[MAX_ATTRIBUTES];
  long size = sys_fgetxattr(from, name, value, sizeof value);
  if (size == -ENODATA)
    return;
  must(&init->report, "fgetxattr", size, name);
  int set = sys_fsetxattr(to, name, value, (size_t)size);
  if (set != -EOPNOTSUPP && set != -EPERM)
    must(&init->report, "fsetxattr", set, name);
}

static void copy_attributes(const struct init *init, int from, int to, const char *path) {
  char names[MAX_ATTRIBUTES];
  long size = sys_flistxattr(from, names, sizeof names);
  if (size == -EOPNOTSUPP)
    return;
  must(&init->report, "flistxattr", size, path);
  for (const char *name = names; name < names + size; name += strlen(name) + 1)
    copy_attribute(init, from, to, name);
}

// In this order: chown takes set-user-ID and file capabilities away.
static void copy_metadata(const struct init *init, int from, int to, const struct statx *like,
                          const char *path) {
  copy_owner(init, to, "", like);
  must(&init->report, "fchmod", sys_fchmod(to, like->stx_mode & 07777u), path);
  copy_attributes(init, from, to, path);
  must(&init->report, "utimensat", sys_set_times(to, like), path);
}

static int open_again(const struct init *init, int dir, const char *name, uint64_t flags,
                      const struct statx *as) {
  int fd = must(&init->report, "openat", sys_openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0), name);
  struct statx found = stat_of(init, fd, name);
  if (found.stx_ino != as->stx_ino || found.stx_dev_major != as->stx_dev_major ||
      found.stx_dev_minor != as->stx_dev_minor)
    violate(&init->report, VIOLATION_PATH, name);
  return fd;
}

static void copy_file(const struct init *init, int dir, const char *name, int to, const struct statx *like) {
  int from = open_again(init, dir, name, O_RDONLY | O_NONBLOCK, like);
  int made = sys_openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  must(&init->report, "openat", made, name);
  uint64_t left = like->stx_size;
  while (left > 0) {
    size_t most = left < 1u << 30 ? (size_t)left : 1u << 30;
    int sent = must(&init->report, "sendfile", sys_sendfile(made, from, most), name);
    if (sent == 0)
      break;
    left -= (uint64_t)sent;
  }
  copy_metadata(init, from, made, like, name);
  sys_close(made);
  sys_close(from);
}

static void copy_folder(const struct init *init, int dir, const char *name, int to, const struct statx *like,
                        unsigned int depth) {
  if (depth == MAX_DEPTH)
    fail(&init->report, "openat", -ENAMETOOLONG, name);
  int from = open_again(init, dir, name, O_RDONLY | O_DIRECTORY, like);
  must(&init->report, "mkdirat", sys_mkdirat(to, name, 0700), name);
  int made = sys_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  must(&init->report, "openat", made, name);
  copy_entries(init, from, made, depth + 1, name);
  copy_metadata(init, from, made, like, name);
  sys_close(made);
  sys_close(from);
}

static void copy_link(const struct init *init, int from, const char *name, int to, const struct statx *like) {
  char target[PATH_MAX];
  int length = must(&init->report, "readlinkat", sys_readlinkat(from, "", target, sizeof target - 1), name);
  target[length] = 0;
  must(&init->report, "symlinkat", sys_symlinkat(target, to, name), name);
  copy_owner(init, to, name, like);
}

static void copy_node(const struct init *init, const char *name, int to, const struct statx *like) {
  uint32_t minor = like->stx_rdev_minor;
  uint32_t device = (minor & 0xff) | like->stx_rdev_major << 8 | (minor & ~0xffu) << 12;
  must(&init->report, "mknodat", sys_mknodat(to, name, like->stx_mode, device), name);
  copy_owner(init, to, name, like);
}

static void copy_entry(const struct init *init, int dir, const char *name, int to, unsigned int depth) {
  int from = sys_openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (from == -ENOENT)
    return;
  must(&init->report, "openat", from, name);
  struct statx found = stat_of(init, from, name);
  switch (found.stx_mode & S_IFMT) {
  case S_IFDIR:
    copy_folder(init, dir, name, to, &found, depth);
    break;
  case S_IFREG:
    copy_file(init, dir, name, to, &found);
    break;
  case S_IFLNK:
    copy_link(init, from, name, to, &found);
    break;
  default:
    copy_node(init, name, to, &found);
  }
  sys_close(from);
}

static void copy_entries(const struct init *init, int from, int to, unsigned int depth, const char *path) {
  _Alignas(struct entry) char entries[4096];
  for (;;) {
    int size = must(&init->report, "getdents64", sys_getdents(from, entries, sizeof entries), path);
    if (size == 0)
      return;
    for (int at = 0; at < size;) {
      const struct entry *entry = (const struct entry *)(const void *)(entries + at);
      if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
        copy_entry(init, from, entry->name, to, depth);
      at += entry->length;
    }
  }
}

void copy_directory(const struct init *init, int from, int to, bool with_root, const char *path) {
  struct statx found = stat_of(init, from, path);
  if (!is_directory(&found))
    return;
  int readable = sys_openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  must(&init->report, "openat", readable, path);
  int root = must(&init->report, "openat", sys_openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), path);
  copy_entries(init, readable, root, 0, path);
  if (with_root)
    copy_metadata(init, readable, root, &found, path);
  sys_close(root);
  sys_close(readable);
}
