#ifndef TSRUN_HOOK_H
#define TSRUN_HOOK_H

// `tsrun-init +`: runs a program of the host and keeps it, so that it ends with the runtime, and all that it
// has started with it.
_Noreturn void keep_hook(void);

#endif
