// Copies what a directory of the container has in it. What is copied may change meanwhile, so everything is
// opened by descriptor and by no link, and no more is read of a file than it had when it was looked at.
#ifndef TSRUN_COPY_H
#define TSRUN_COPY_H

#include "init.h"

// From the directory `from` (O_PATH) to the empty one at `to`: modes, owners, times and links are kept, hard
// links become files of their own. Extended attributes are kept if the target takes them, owners if
// they are mapped. If `with_root`, `to` itself gets the mode and owner of `from`. Reports and exits on
// failure.
void copy_directory(const struct init *init, int from, int to, bool with_root, const char *path);

#endif
