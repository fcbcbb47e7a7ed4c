// tsrun-layer VERSION FLAGS: reads orders on descriptor 0 and carries them out below the directory that is
// descriptor 1; what failed, what was asked for, and that all is done, it writes to descriptor 2. Nothing it
// does leaves the directory: every path is resolved beneath it and by no link (openat2).
#include "layer.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

#include "../init/entry.h"
#include "../init/memory.h"

#define VERSION "1"
#define ROOMY_PIPE (1 << 20)

enum { NEW_USER = 1, TRUSTED = 2, OWNERS = 4, DEVICES = 8, READS = 16, ALL = 31 };

static struct layer layer;

static int parse_flags(const char *text) {
  int number = 0;
  for (; *text >= '0' && *text <= '9' && number <= ALL; text++)
    number = number * 10 + (*text - '0');
  return *text == 0 && number <= ALL ? number : -1;
}

static void set_up(int flags) {
  layer.current = layer.parent = -1;
  layer.reads = (flags & READS) != 0;
  layer.owners = (flags & OWNERS) != 0;
  layer.devices = (flags & DEVICES) != 0;
  layer.opaque = (flags & TRUSTED) != 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
  must(&layer, "prctl", sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0));
  must(&layer, "prctl", sys_prctl(PR_SET_NAME, (unsigned long)"tsrun-layer", 0));
  must(&layer, "close_range", sys_close_range(ANSWERS + 1, ~0u, 0));
  sys_umask(0);
  // Less of it is only slower.
  (void)sys_set_pipe_size(layer.reads ? ANSWERS : ORDERS, ROOMY_PIPE);
  if ((flags & NEW_USER) != 0)
    enter_user_namespace(&layer);
  drop_privileges(&layer, (flags & TRUSTED) != 0);
}

_Noreturn void start(long *stack) {
  const char *const *args = (const char *const *)(stack + 1);
  int flags = stack[0] == 3 && strcmp(args[1], VERSION) == 0 ? parse_flags(args[2]) : -1;
  if (flags < 0)
    sys_exit(2);
  set_up(flags);
  for (read_head(&layer); layer.head.code != ORDER_END; read_head(&layer))
    carry_out(&layer);
  if (layer.current >= 0)
    refuse(&layer, "an end within a file");
  answer(ORDER_END, ANSWER_DONE, "", 0, "");
  sys_exit(0);
}

#ifdef TSRUN_HOSTED
// As the kernel lays it out: a count, and what it counts.
int main(int count, char **args) {
  long stack[] = {count, (long)args[0], count > 1 ? (long)args[1] : 0, count > 2 ? (long)args[2] : 0};
  start(stack);
}
#endif
