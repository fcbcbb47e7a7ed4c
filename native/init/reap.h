// What the processes of ours that stay beside a program have in common.
#ifndef TSRUN_REAP_H
#define TSRUN_REAP_H

#include "init.h"

// In the child: as a program begins, in a process group of its own.
void go_on(const struct init *init);

// Streams that stay open would never end for their readers.
void close_all_but(const struct init *init, int one, int other);

#endif
