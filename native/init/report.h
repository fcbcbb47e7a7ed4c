// What the runtime is told, in frames: a little-endian 32-bit length, then one CBOR array.
#ifndef TSRUN_REPORT_H
#define TSRUN_REPORT_H

#include <stdint.h>

enum frame {
  FRAME_BARRIER = 0,
  FRAME_CLONED = 1,
  FRAME_FAILED = 2,
  FRAME_VIOLATION = 3,
  FRAME_REFUSED = 4,
  FRAME_LISTENER = 5,
  FRAME_UNBORN = 6,    // also sent by native/sys/spawn.c
  FRAME_STILLBORN = 7, // what be_born() has cloned: another one follows
  FRAME_LIVES = 8,     // the same has come to life
  FRAME_TIMES = 9,     // when steps were done, from the one on whose number comes first
};
// What can fail before there is a plan; the first two are told by native/sys/spawn.c.
enum birth { BIRTH_EXEC, BIRTH_CPUS, BIRTH_UNSHARE, BIRTH_CLONE, BIRTH_JOIN, BIRTH_SOCKETPAIR };
enum violation { VIOLATION_PATH = 1, VIOLATION_PROCFS = 2, VIOLATION_CWD = 3, VIOLATION_SOURCE = 4 };

struct report {
  int socket;  // -1: nobody listens
  uint32_t op; // the index of the op that runs
};

void tell(const struct report *to, enum frame frame, uint64_t number);

// FRAME_TIMES, as many as it takes.
void tell_times(const struct report *to, uint32_t first, const uint64_t *times, uint32_t count);

// `error` is a negative errno.
void tell_unborn(const struct report *to, enum birth call, long error);

// `error` is a negative errno. None of these three returns.
_Noreturn void fail(const struct report *to, const char *call, long error, const char *detail);
_Noreturn void violate(const struct report *to, enum violation kind, const char *detail);
_Noreturn void refuse(const struct report *to, const char *reason);

// The result of a system call if it is not an error; else fail().
int must(const struct report *to, const char *call, long result, const char *detail);

#endif
