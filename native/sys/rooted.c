// Files of a container, by paths in its root: links are followed as it sees them, and never lead out.
#include "sys.h"
#include <fcntl.h>
#include <linux/openat2.h>

EXPORT int ts_open_in_root(int root, const char *path, int flags, int mode) {
  struct open_how how = {.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
                         .mode = (uint64_t)(unsigned)mode,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  // The tree may change under us: the kernel asks to try again.
  for (int attempt = 0; attempt < 100; attempt++) {
    int fd = (int)result(syscall(SYS_openat2, root, path, &how, sizeof how));
    if (fd != -EAGAIN)
      return own(fd);
  }
  return -EAGAIN;
}
