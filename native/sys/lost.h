#ifndef TSRUN_LOST_H
#define TSRUN_LOST_H

// Reaps what a helper has cloned that was killed before it told of it. Takes over a second: not for a thread
// of JavaScript.
void reap_lost(void);

// A helper, or what it has cloned and that is no program yet.
int is_helper(int pid);

#endif
