// Calls that may block for long, or for ever (a dead server of NFS, a FUSE daemon that does not answer), each
// on a thread of its own, so that no thread of Node's waits.
#ifndef TSRUN_JOB_H
#define TSRUN_JOB_H

#include <stddef.h>
#include <stdint.h>

enum { JOB_OPEN_TREE, JOB_OPEN, JOB_CONNECT, JOB_OVERLAY, JOB_WRITE, JOB_READ };

// Of JOB_OVERLAY.
enum { OVERLAY_LIST = 1, OVERLAY_USER_XATTR = 2 };

// What to do, and what becomes of it; the meaning of `first` and `second` is each kind's own.
struct job {
  int kind;
  int first, second;
  char *path; // of JOB_WRITE: the text
  int *fds;   // of JOB_OVERLAY and JOB_WRITE: copies of the `first` ones that were given
  int result; // >= 0, or -errno
  int made;   // a descriptor that the result has, or -1
};

// The ways to do them.
int open_tree(const char *path, int recursive, int nofollow);
int open_path(const char *path, int flags);
int connect_to(const char *path);
// A memory file: mode and size of the file (8 bytes each), and what is in it if that is a regular file of at
// most `limit` bytes.
int read_file(const char *path, size_t limit);
// `trees` are detached mounts: that of the directory for what is written, then the layers, the topmost first.
int make_overlay(const int *trees, int count, int flags);

#endif
