#ifndef TSRUN_REAPER_H
#define TSRUN_REAPER_H

// The descriptors of a thread that ends, `size` marks by number: they are closed, but for children and for
// sockets whose other ends may tell of some; those are waited for.
void leave_behind(unsigned char *owned, int size);

#endif
