// Which functions the library has, as one number: scripts/native.mjs makes it of all that is marked EXPORT.
#include "sys.h"

#ifndef TSRUN_ABI
#error "compile with scripts/native.mjs"
#endif

EXPORT int ts_abi(void) {
  return TSRUN_ABI;
}
