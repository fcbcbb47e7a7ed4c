// A procfs that the container can't have tampered with (CVE-2019-16884, CVE-2025-52881).
#ifndef TSRUN_PROCFS_H
#define TSRUN_PROCFS_H

#include "init.h"

// Its root, opened once: our own, attached nowhere. In a user namespace the kernel may refuse that; then it
// is the container's, after a check that it is a procfs and the whole of it. Reports and exits on failure.
int procfs(struct init *init);

// What a descriptor refers to: something on a procfs; the root of one, and not a mount of a part of it.
bool is_procfs(const struct init *init, int fd, const char *path);
bool is_whole_procfs(const struct init *init, int fd, const char *path);

// Writes all of `value` at once to a file below the directory `folder` of it. Reports and exits on failure.
void write_procfs(struct init *init, const char *folder, const char *file, const char *value);

// fchmod of an O_PATH descriptor. Returns -errno.
int chmod_by_procfs(struct init *init, int fd, uint32_t mode);

#endif
