// EXEC: Landlock. What the process, and all that it starts, may do with files, ports and other processes.
#include "memory.h"
#include "path.h"
#include "sys_landlock.h"

// What there is to allow of a file that is no directory (LANDLOCK_ACCESS_FS_*): execute, write, read,
// truncate, ioctl of a device.
#define OF_FILES (0x1ull | 0x2ull | 0x4ull | 0x4000ull | 0x8000ull)

void run_landlock(struct init *init, struct landlock_op *args) {
  int made = sys_landlock_ruleset(args->fs.number, args->net.number, args->scope.number);
  init->ruleset = must(&init->report, "landlock_create_ruleset", made, "");
}

// No link may lead there: whoever can write to a place could widen the rule of what is below it.
static int open_place(const struct init *init, const char *path) {
  const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  return must(&init->report, "openat2", sys_openat2(AT_FDCWD, path, &how), path);
}

void run_landlock_beneath(struct init *init, struct landlock_beneath_op *args) {
  while (args->paths.list.left > 0) {
    const char *path = next_text(&args->paths);
    int place = open_place(init, path);
    struct statx found = stat_of(init, place, path);
    uint64_t access = is_directory(&found) ? args->access.number : args->access.number & OF_FILES;
    must(&init->report, "landlock_add_rule", sys_landlock_beneath(init->ruleset, access, place), path);
    sys_close(place);
  }
}

void run_landlock_ports(struct init *init, struct landlock_ports_op *args) {
  while (args->ports.list.left > 0) {
    uint32_t port = next_number(&args->ports);
    int added = sys_landlock_port(init->ruleset, args->access.number, port);
    must(&init->report, "landlock_add_rule", added, "port");
  }
}

void run_landlock_restrict(struct init *init, struct landlock_restrict_op *args) {
  must(&init->report, "landlock_restrict_self", sys_landlock_restrict(init->ruleset), "");
  drop(&init->ruleset);
}
