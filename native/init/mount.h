// What the ops that mount have in common. All of these report and exit on failure.
#ifndef TSRUN_MOUNT_H
#define TSRUN_MOUNT_H

#include "init.h"

// Puts the detached mount on what `target` refers to; `path` is for the report.
void attach_at(const struct init *init, int mount, int target, const char *path);

// What is at `path`, which is made if it is missing. Unless `resolve` says so, it is not on a procfs.
int open_mount_point(const struct init *init, const char *path, bool directory, uint64_t resolve);

// Sets and clears MOUNT_ATTR_*; nothing is done if both are 0.
void change_attributes(const struct init *init, int mount, bool recursive, uint64_t set, uint64_t clear,
                       const char *path);

// MS_SHARED and so on, with MS_REC for the whole tree; nothing is done for 0.
void change_propagation(const struct init *init, int mount, uint64_t propagation, const char *path);

// A detached copy of the mount that `fd` is in, from there on down; `flags` may have AT_RECURSIVE.
int clone_mount(const struct init *init, int fd, unsigned int flags, const char *path);

// A file system in the making: options are `key` or `key=value`; `attributes` are MOUNT_ATTR_*. finish_fs()
// closes the context and returns the mount, which is attached nowhere.
int open_fs(const struct init *init, const char *type);
void configure_fs(const struct init *init, int context, char *option);
int finish_fs(const struct init *init, int context, uint64_t attributes, const char *type);

// Gives an existing file system what was configured, and closes the context.
void reconfigure_fs(const struct init *init, int context, const char *path);

// All of that without options. Returns -errno.
int try_new_mount(const char *type, unsigned int attributes);

// The propagation (MS_*) of the mount that is "/".
void make_host_private(const struct init *init, uint64_t propagation);

// A detached copy of what is at `source`, which must be what is in the slot.
int copy_checked(struct init *init, uint64_t slot, const char *source, bool recursive);

// The detached tree becomes the container's root, over "/".
void enter_tree(struct init *init, int tree);

#endif
