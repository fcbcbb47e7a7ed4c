// Paths of the container. Everything below its root is hostile and may change at any moment, so a path is
// resolved by the kernel within the root, once, into a descriptor (O_PATH), and what is done is done to that.
// Except for open_in_root(), which returns -errno, these report and exit on failure.
#ifndef TSRUN_PATH_H
#define TSRUN_PATH_H

#include "init.h"

struct owner {
  uint32_t uid, gid;
};

// `flags` are those of open; `resolve` is OP_RESOLVE_*. EAGAIN (the tree changes under us) is retried, but
// not for ever.
int open_in_root(const struct init *init, const char *path, uint64_t flags, uint64_t resolve);

// The same, of `path` below the descriptor `dir`, by no link, to no other mount if `one_mount`.
int open_beneath(int dir, const char *path, uint64_t flags, bool one_mount);

// Where a mount goes: what is at `path`, which is made, a directory or an empty file, if it is missing.
int open_target(const struct init *init, const char *path, bool directory, uint64_t resolve);

// mkdir -p.
int make_directory(const struct init *init, const char *path, uint32_t mode, struct owner owner);

// The directory that `path` is in, made if it is missing, and the name in it.
int open_parent(const struct init *init, const char *path, char name[PATH_MAX]);

// The same, for ops that come one after the other: the descriptor stays open until another one comes
// (main.c).
int keep_parent(struct init *init, const char *path, char name[PATH_MAX]);

// What is at the descriptor.
struct statx stat_of(const struct init *init, int fd, const char *path);
bool is_directory(const struct statx *found);
bool is_device(const struct statx *found, uint32_t type, uint32_t major, uint32_t minor);

// chown, if the owner is another than is asked for, or than was found.
void set_owner(const struct init *init, int fd, struct owner owner, const char *path);
void change_owner(const struct init *init, int fd, const struct statx *found, struct owner owner,
                  const char *path);

#endif
