// Files below a directory descriptor, never outside of it: for cgroup trees and procfs.
#include "sys.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int open_beneath(int dir, const char *path, uint64_t flags) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = BENEATH};
  return (int)result(syscall(SYS_openat2, dir, path, &how, sizeof how));
}

EXPORT int ts_open_beneath(int dir, const char *path, int flags) {
  return own(open_beneath(dir, path, (uint64_t)(unsigned)flags));
}

EXPORT int ts_read_beneath(int dir, const char *path, char *buffer, int size) {
  OWNED fd = open_beneath(dir, path, O_RDONLY | O_NOFOLLOW);
  if (fd < 0)
    return fd;
  int length = 0;
  while (length < size) {
    ssize_t got = read(fd, buffer + length, (size_t)(size - length));
    if (got < 0)
      return -errno;
    if (got == 0)
      break;
    length += (int)got;
  }
  return length;
}

// One write(2), as a file of the kernel wants it. A limit of memory (cgroup version 1) is refused with EINTR
// while a signal is pending, for which the program that we are in may have a handler.
static int write_whole(int fd, const char *text, size_t length) {
  ssize_t written;
  do
    written = write(fd, text, length);
  while (written < 0 && errno == EINTR);
  if (written < 0)
    return -errno;
  return (size_t)written == length ? 0 : -EIO;
}

EXPORT int ts_write_beneath(int dir, const char *path, const char *text, int length) {
  OWNED fd = open_beneath(dir, path, O_WRONLY | O_NOFOLLOW);
  if (fd < 0)
    return fd;
  return write_whole(fd, text, (size_t)length);
}

// Writes each line of `text` (they all end with a newline, which is not written) with one write(2); the file
// is opened once. `done` counts the lines written: on an error, it is the index of the one that was refused.
EXPORT int ts_write_lines_beneath(int dir, const char *path, const char *text, int length, int *done) {
  *done = 0;
  OWNED fd = open_beneath(dir, path, O_WRONLY | O_NOFOLLOW);
  if (fd < 0)
    return fd;
  for (const char *line = text, *end; line < text + length; line = end + 1) {
    end = memchr(line, '\n', (size_t)(text + length - line));
    if (!end)
      return -EINVAL;
    int failed = write_whole(fd, line, (size_t)(end - line));
    if (failed < 0)
      return failed;
    ++*done;
  }
  return 0;
}

// The directory that holds the last component of `path`, which is `name`. Of a path of one component it is
// `dir` itself; any other is opened, and is the caller's in `opened`.
static int parent_of(int dir, const char *path, const char **name, int *opened) {
  const char *slash = strrchr(path, '/');
  *name = slash ? slash + 1 : path;
  if (!slash)
    return dir;
  char parent[4096];
  size_t length = (size_t)(slash - path);
  if (length == 0 || length >= sizeof parent)
    return length == 0 ? -EINVAL : -ENAMETOOLONG;
  memcpy(parent, path, length);
  parent[length] = 0;
  return *opened = open_beneath(dir, parent, O_PATH | O_DIRECTORY);
}

EXPORT int ts_mkdir_beneath(int dir, const char *path, int mode) {
  const char *name;
  OWNED opened = -1;
  int parent = parent_of(dir, path, &name, &opened);
  return parent < 0 ? parent : (int)result(mkdirat(parent, name, (mode_t)mode));
}

EXPORT int ts_rmdir_beneath(int dir, const char *path) {
  const char *name;
  OWNED opened = -1;
  int parent = parent_of(dir, path, &name, &opened);
  return parent < 0 ? parent : (int)result(unlinkat(parent, name, AT_REMOVEDIR));
}

EXPORT int ts_chown_beneath(int dir, const char *path, int uid, int gid) {
  OWNED fd = open_beneath(dir, path, O_PATH | O_NOFOLLOW);
  if (fd < 0)
    return fd;
  return (int)result(fchownat(fd, "", (uid_t)uid, (gid_t)gid, AT_EMPTY_PATH));
}

// The directory above. If no name is followed, that is the only way back from a path longer than PATH_MAX;
// the caller counts the levels, so as not to leave the tree.
EXPORT int ts_open_above(int dir) {
  return (int)result(openat(dir, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

struct entry { // struct linux_dirent64
  uint64_t inode;
  int64_t next;
  unsigned short length;
  unsigned char type;
  char name[];
};

static bool is_directory(const struct entry *entry) {
  return entry->type == DT_DIR && strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0;
}

// The names of the directories in the open directory `dir`, each with a NUL byte at its end: how many bytes
// they take. -ERANGE: `size` is too small for them.
EXPORT int ts_list_directories(int dir, char *names, int size) {
  _Alignas(8) char buffer[16 * 1024];
  int used = 0;
  if (lseek(dir, 0, SEEK_SET) < 0)
    return -errno;
  for (;;) {
    long got = syscall(SYS_getdents64, dir, buffer, sizeof buffer);
    if (got <= 0)
      return got < 0 ? -errno : used;
    for (long at = 0; at < got; at += ((struct entry *)(void *)(buffer + at))->length) {
      const struct entry *entry = (struct entry *)(void *)(buffer + at);
      if (!is_directory(entry))
        continue;
      size_t length = strlen(entry->name) + 1;
      if (length > (size_t)(size - used))
        return -ERANGE;
      memcpy(names + used, entry->name, length);
      used += (int)length;
    }
  }
}
