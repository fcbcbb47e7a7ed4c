// Threads of our own in a process of somebody else: detached, with a small stack, and no signal is ever
// theirs.
#ifndef TSRUN_THREAD_H
#define TSRUN_THREAD_H

#include <stddef.h>

// 0, or -errno.
int start_thread(size_t stack, void *(*run)(void *), void *argument);

#endif
