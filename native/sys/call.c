// Everything else is called through this function, so that JavaScript prepares a single one for libffi in
// each thread (lib/sys/ffi.ts): a worker that is terminated while it does so brings the process down.
#include "sys.h"

typedef uint64_t function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                          uint64_t);

// words[0] is the function, the rest are its arguments: integers and pointers, each as its register has it.
// Those that a function does not have are harmless in the calling conventions of our machines: they are in
// registers that the callee may change anyway, or on the stack, where the caller removes them.
EXPORT uint64_t ts_call(const uint64_t *words) {
  function *called = (function *)(uintptr_t)words[0];
  return called(words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8], words[9]);
}
