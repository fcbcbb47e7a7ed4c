#ifndef TSRUN_PIVOT_H
#define TSRUN_PIVOT_H

#include "init.h"

// fchdir and chroot to the root descriptor, which is closed; paths are resolved in "/" from then on.
void enter_root(struct init *init);

#endif
