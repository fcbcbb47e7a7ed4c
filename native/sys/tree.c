// Trees that somebody else has written: names are bytes, not text, and links are never followed.
#include "sys.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/xattr.h>

// A directory below `dir`, to be listed; `path` is relative.
EXPORT int ts_open_tree_directory(int dir, const char *path) {
  struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
  return own((int)result(syscall(SYS_openat2, dir, path, &how, sizeof how)));
}

// The length of an extended attribute of an open file, of which `to` has as much as fits.
EXPORT int ts_xattr(int fd, const char *name, char *to, int size) {
  return (int)result(fgetxattr(fd, name, to, (size_t)size));
}
