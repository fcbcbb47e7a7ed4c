// Pipes and terminals for a container's standard streams.
#include "sys.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

EXPORT int ts_pipe(int *ends) {
  return own_pair((int)result(pipe2(ends, O_CLOEXEC)), ends);
}

EXPORT int ts_duplicate(int fd) {
  return own((int)result(fcntl(fd, F_DUPFD_CLOEXEC, 3)));
}

// A duplicate of the end to read from of one pipe, which all threads share and nobody writes to. This process
// keeps both of its ends until it ends itself: that is the news that a reader gets.
EXPORT int ts_lifeline(void) {
  static _Atomic int reader = -1;
  if (reader < 0) {
    int ends[2], none = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
      return -errno;
    if (!atomic_compare_exchange_strong(&reader, &none, ends[0])) {
      close(ends[0]);
      close(ends[1]);
    }
  }
  return ts_duplicate(reader);
}

// How many bytes are there to be read of a pipe or of a terminal's master.
EXPORT int ts_unread(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

EXPORT int ts_resize(int terminal, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  return (int)result(ioctl(terminal, TIOCSWINSZ, &size));
}

// Makes a terminal pass bytes through as they are: what is written (OPOST), and with `keys` what is typed
// too, as cfmakeraw(3) has it. `saved` gets what it was, TERMINAL_BYTES of it.
enum { TERMINAL_BYTES = 64 };
_Static_assert(sizeof(struct termios) <= TERMINAL_BYTES, "what the callers make room for");

EXPORT int ts_terminal_raw(int terminal, int keys, void *saved) {
  struct termios mode;
  if (tcgetattr(terminal, &mode) < 0)
    return -errno;
  memcpy(saved, &mode, sizeof mode);
  if (keys)
    cfmakeraw(&mode);
  mode.c_oflag &= ~(tcflag_t)OPOST;
  return (int)result(tcsetattr(terminal, TCSANOW, &mode));
}

EXPORT int ts_terminal_restore(int terminal, const void *saved) {
  struct termios mode;
  memcpy(&mode, saved, sizeof mode);
  // After what has been written, so that none of it is shown by other rules.
  return (int)result(tcsetattr(terminal, TCSADRAIN, &mode));
}
