// Pipes and terminals for a container's standard streams.
#include "sys.h"
#include <fcntl.h>
#include <sys/ioctl.h>

EXPORT int ts_pipe(int *ends) {
  return (int)result(pipe2(ends, O_CLOEXEC));
}

EXPORT int ts_duplicate(int fd) {
  return (int)result(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

EXPORT int ts_resize(int terminal, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  return (int)result(ioctl(terminal, TIOCSWINSZ, &size));
}
