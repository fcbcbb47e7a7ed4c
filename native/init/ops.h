/* Generated from lib/plan/ops.ts by scripts/ops-header.mjs: change that and run `npm run generate`. */
/* clang-format off */
#ifndef TSRUN_OPS_H
#define TSRUN_OPS_H

#include "value.h"

enum phase { PHASE_SPAWN, PHASE_MOUNT, PHASE_PIVOT, PHASE_INSIDE, PHASE_IDENTITY, PHASE_EXEC };

enum op_code {
  OP_CGROUP_JOIN = 0,
  OP_NOT_DUMPABLE = 1,
  OP_SETNS = 2,
  OP_UNSHARE = 3,
  OP_MAP = 4,
  OP_BECOME_ROOT = 5,
  OP_CLONE = 6,
  OP_SETSID = 7,
  OP_SUBREAPER = 8,
  OP_SOCKETS = 9,
  OP_PROPAGATION = 10,
  OP_ROOT = 11,
  OP_ROOT_CHECKED = 12,
  OP_LAYER = 13,
  OP_ROOT_LAYERED = 14,
  OP_ROOT_IN_MEMORY = 15,
  OP_ROOT_DIR = 16,
  OP_ROOT_OVER = 17,
  OP_ATTACH = 18,
  OP_ATTACH_CHECKED = 19,
  OP_ATTACH_INSIDE = 20,
  OP_ATTACH_MAPPED = 21,
  OP_MOUNT_FS = 22,
  OP_SET_ATTRIBUTES = 23,
  OP_RECONFIGURE = 24,
  OP_MKDIR = 25,
  OP_SYMLINK = 26,
  OP_MKNOD = 27,
  OP_PLACE_ROOT = 28,
  OP_PREPARE = 29,
  OP_PIVOT_ROOT = 30,
  OP_MOVE_ROOT = 31,
  OP_CHROOT = 32,
  OP_HOST_ROOT = 33,
  OP_JOIN_ROOT = 34,
  OP_HOSTNAME = 35,
  OP_DOMAINNAME = 36,
  OP_SYSCTL = 37,
  OP_LOOPBACK_UP = 38,
  OP_CONSOLE = 39,
  OP_CONTROLLING_TERMINAL = 40,
  OP_REOPEN_NULL = 41,
  OP_MASK_PATH = 42,
  OP_READONLY_PATH = 43,
  OP_ROOT_ATTR = 44,
  OP_KEYRING = 45,
  OP_PERSONALITY = 46,
  OP_OPEN_FILES = 47,
  OP_MEMORY_POLICY = 48,
  OP_UMASK = 49,
  OP_BOUNDING_SET = 50,
  OP_STDIO_OWNER = 51,
  OP_GROUPS = 52,
  OP_GID = 53,
  OP_UID = 54,
  OP_CAPABILITIES = 55,
  OP_NO_NEW_PRIVS = 56,
  OP_LSM_LABEL = 57,
  OP_CHDIR = 58,
  OP_RESOLVE_EXEC = 59,
  OP_SECCOMP = 60,
  OP_LIFELINE = 61,
  OP_HOME_ENV = 62,
  OP_GUARD = 63,
  OP_LANDLOCK = 64,
  OP_LANDLOCK_BENEATH = 65,
  OP_LANDLOCK_PORTS = 66,
  OP_LANDLOCK_RESTRICT = 67,
  OP_CREATED = 68,
  OP_AWAIT_START = 69,
  OP_CLOSE_FROM = 70,
  OP_REAP = 71,
  OP_EXECVE = 72,
};

#define OP_COUNT 73
#define OP_MAX_ARGS 11
#define OP_RESOLVE_IN_ROOT 0u
#define OP_RESOLVE_NO_SYMLINKS 1u
#define OP_RESOLVE_ON_PROCFS 2u
#define OP_RESOLVE_IS_PROCFS 4u
#define OP_RESOLVE_COPY_UP 8u
#define OP_RESOLVE_COPY_MODE 16u
#define OP_RESOLVE_KEEP_MODE 32u
#define OP_RESOLVE_KEEP_LOCKS 64u

/* For each op: X(its code, its name). */
#define EACH_OP(X) \
  X(OP_CGROUP_JOIN, cgroup_join) \
  X(OP_NOT_DUMPABLE, not_dumpable) \
  X(OP_SETNS, setns) \
  X(OP_UNSHARE, unshare) \
  X(OP_MAP, map) \
  X(OP_BECOME_ROOT, become_root) \
  X(OP_CLONE, clone) \
  X(OP_SETSID, setsid) \
  X(OP_SUBREAPER, subreaper) \
  X(OP_SOCKETS, sockets) \
  X(OP_PROPAGATION, propagation) \
  X(OP_ROOT, root) \
  X(OP_ROOT_CHECKED, root_checked) \
  X(OP_LAYER, layer) \
  X(OP_ROOT_LAYERED, root_layered) \
  X(OP_ROOT_IN_MEMORY, root_in_memory) \
  X(OP_ROOT_DIR, root_dir) \
  X(OP_ROOT_OVER, root_over) \
  X(OP_ATTACH, attach) \
  X(OP_ATTACH_CHECKED, attach_checked) \
  X(OP_ATTACH_INSIDE, attach_inside) \
  X(OP_ATTACH_MAPPED, attach_mapped) \
  X(OP_MOUNT_FS, mount_fs) \
  X(OP_SET_ATTRIBUTES, set_attributes) \
  X(OP_RECONFIGURE, reconfigure) \
  X(OP_MKDIR, mkdir) \
  X(OP_SYMLINK, symlink) \
  X(OP_MKNOD, mknod) \
  X(OP_PLACE_ROOT, place_root) \
  X(OP_PREPARE, prepare) \
  X(OP_PIVOT_ROOT, pivot_root) \
  X(OP_MOVE_ROOT, move_root) \
  X(OP_CHROOT, chroot) \
  X(OP_HOST_ROOT, host_root) \
  X(OP_JOIN_ROOT, join_root) \
  X(OP_HOSTNAME, hostname) \
  X(OP_DOMAINNAME, domainname) \
  X(OP_SYSCTL, sysctl) \
  X(OP_LOOPBACK_UP, loopback_up) \
  X(OP_CONSOLE, console) \
  X(OP_CONTROLLING_TERMINAL, controlling_terminal) \
  X(OP_REOPEN_NULL, reopen_null) \
  X(OP_MASK_PATH, mask_path) \
  X(OP_READONLY_PATH, readonly_path) \
  X(OP_ROOT_ATTR, root_attr) \
  X(OP_KEYRING, keyring) \
  X(OP_PERSONALITY, personality) \
  X(OP_OPEN_FILES, open_files) \
  X(OP_MEMORY_POLICY, memory_policy) \
  X(OP_UMASK, umask) \
  X(OP_BOUNDING_SET, bounding_set) \
  X(OP_STDIO_OWNER, stdio_owner) \
  X(OP_GROUPS, groups) \
  X(OP_GID, gid) \
  X(OP_UID, uid) \
  X(OP_CAPABILITIES, capabilities) \
  X(OP_NO_NEW_PRIVS, no_new_privs) \
  X(OP_LSM_LABEL, lsm_label) \
  X(OP_CHDIR, chdir) \
  X(OP_RESOLVE_EXEC, resolve_exec) \
  X(OP_SECCOMP, seccomp) \
  X(OP_LIFELINE, lifeline) \
  X(OP_HOME_ENV, home_env) \
  X(OP_GUARD, guard) \
  X(OP_LANDLOCK, landlock) \
  X(OP_LANDLOCK_BENEATH, landlock_beneath) \
  X(OP_LANDLOCK_PORTS, landlock_ports) \
  X(OP_LANDLOCK_RESTRICT, landlock_restrict) \
  X(OP_CREATED, created) \
  X(OP_AWAIT_START, await_start) \
  X(OP_CLOSE_FROM, close_from) \
  X(OP_REAP, reap) \
  X(OP_EXECVE, execve)

struct op_rule {
  const char *name;
  unsigned char phases, count, kinds[OP_MAX_ARGS];
};

static const struct op_rule OP_RULES[OP_COUNT] = {
    [OP_CGROUP_JOIN] = {"cgroup_join", 1u << PHASE_SPAWN, 1, {ARG_SLOT}},
    [OP_NOT_DUMPABLE] = {"not_dumpable", 1u << PHASE_SPAWN, 0, {0}},
    [OP_SETNS] = {"setns", 1u << PHASE_SPAWN, 2, {ARG_SLOT, ARG_U32}},
    [OP_UNSHARE] = {"unshare", 1u << PHASE_SPAWN, 1, {ARG_U32}},
    [OP_MAP] = {"map", 1u << PHASE_SPAWN | 1u << PHASE_IDENTITY, 0, {0}},
    [OP_BECOME_ROOT] = {"become_root", 1u << PHASE_SPAWN, 2, {ARG_U32, ARG_U32}},
    [OP_CLONE] = {"clone", 1u << PHASE_SPAWN | 1u << PHASE_IDENTITY, 0, {0}},
    [OP_SETSID] = {"setsid", 1u << PHASE_SPAWN, 0, {0}},
    [OP_SUBREAPER] = {"subreaper", 1u << PHASE_SPAWN | 1u << PHASE_IDENTITY, 0, {0}},
    [OP_SOCKETS] = {"sockets", 1u << PHASE_SPAWN, 2, {ARG_SLOT, ARG_NUMBERS}},
    [OP_PROPAGATION] = {"propagation", 1u << PHASE_MOUNT, 1, {ARG_U32}},
    [OP_ROOT] = {"root", 1u << PHASE_MOUNT, 1, {ARG_SLOT}},
    [OP_ROOT_CHECKED] = {"root_checked", 1u << PHASE_MOUNT, 2, {ARG_SLOT, ARG_TEXT}},
    [OP_LAYER] = {"layer", 1u << PHASE_MOUNT, 2, {ARG_SLOT, ARG_TEXT}},
    [OP_ROOT_LAYERED] = {"root_layered", 1u << PHASE_MOUNT, 3, {ARG_SLOT, ARG_TEXT, ARG_U32}},
    [OP_ROOT_IN_MEMORY] = {"root_in_memory", 1u << PHASE_MOUNT, 3, {ARG_SLOT, ARG_TEXTS, ARG_U32}},
    [OP_ROOT_DIR] = {"root_dir", 1u << PHASE_MOUNT, 1, {ARG_SLOT}},
    [OP_ROOT_OVER] = {"root_over", 1u << PHASE_MOUNT, 1, {ARG_SLOT}},
    [OP_ATTACH] = {"attach", 1u << PHASE_MOUNT, 9, {ARG_SLOT, ARG_TEXT, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U32, ARG_U32}},
    [OP_ATTACH_CHECKED] = {"attach_checked", 1u << PHASE_MOUNT, 11, {ARG_SLOT, ARG_TEXT, ARG_U32, ARG_TEXT, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U32, ARG_U32}},
    [OP_ATTACH_INSIDE] = {"attach_inside", 1u << PHASE_MOUNT, 10, {ARG_TEXT, ARG_U32, ARG_TEXT, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U32, ARG_U32}},
    [OP_ATTACH_MAPPED] = {"attach_mapped", 1u << PHASE_MOUNT, 11, {ARG_SLOT, ARG_TEXT, ARG_TEXTS, ARG_TEXT, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U32, ARG_U32}},
    [OP_MOUNT_FS] = {"mount_fs", 1u << PHASE_MOUNT, 9, {ARG_TEXT, ARG_TEXT, ARG_TEXT, ARG_TEXTS, ARG_U64, ARG_U64, ARG_U64, ARG_U32, ARG_U32}},
    [OP_SET_ATTRIBUTES] = {"set_attributes", 1u << PHASE_MOUNT | 1u << PHASE_INSIDE, 6, {ARG_TEXT, ARG_U64, ARG_U64, ARG_U64, ARG_U64, ARG_U32}},
    [OP_RECONFIGURE] = {"reconfigure", 1u << PHASE_MOUNT, 2, {ARG_TEXT, ARG_TEXTS}},
    [OP_MKDIR] = {"mkdir", 1u << PHASE_MOUNT | 1u << PHASE_INSIDE, 4, {ARG_TEXT, ARG_U32, ARG_U32, ARG_U32}},
    [OP_SYMLINK] = {"symlink", 1u << PHASE_MOUNT | 1u << PHASE_INSIDE, 2, {ARG_TEXT, ARG_TEXT}},
    [OP_MKNOD] = {"mknod", 1u << PHASE_MOUNT, 7, {ARG_TEXT, ARG_U32, ARG_U32, ARG_U32, ARG_U32, ARG_U32, ARG_U32}},
    [OP_PLACE_ROOT] = {"place_root", 1u << PHASE_MOUNT, 1, {ARG_TEXT}},
    [OP_PREPARE] = {"prepare", 1u << PHASE_MOUNT, 0, {0}},
    [OP_PIVOT_ROOT] = {"pivot_root", 1u << PHASE_PIVOT, 0, {0}},
    [OP_MOVE_ROOT] = {"move_root", 1u << PHASE_PIVOT, 0, {0}},
    [OP_CHROOT] = {"chroot", 1u << PHASE_PIVOT, 0, {0}},
    [OP_HOST_ROOT] = {"host_root", 1u << PHASE_PIVOT, 0, {0}},
    [OP_JOIN_ROOT] = {"join_root", 1u << PHASE_PIVOT, 1, {ARG_SLOT}},
    [OP_HOSTNAME] = {"hostname", 1u << PHASE_INSIDE, 1, {ARG_TEXT}},
    [OP_DOMAINNAME] = {"domainname", 1u << PHASE_INSIDE, 1, {ARG_TEXT}},
    [OP_SYSCTL] = {"sysctl", 1u << PHASE_INSIDE, 2, {ARG_TEXT, ARG_TEXT}},
    [OP_LOOPBACK_UP] = {"loopback_up", 1u << PHASE_INSIDE, 0, {0}},
    [OP_CONSOLE] = {"console", 1u << PHASE_INSIDE, 5, {ARG_SLOT, ARG_U32, ARG_U32, ARG_U32, ARG_U32}},
    [OP_CONTROLLING_TERMINAL] = {"controlling_terminal", 1u << PHASE_INSIDE | 1u << PHASE_IDENTITY, 0, {0}},
    [OP_REOPEN_NULL] = {"reopen_null", 1u << PHASE_INSIDE, 0, {0}},
    [OP_MASK_PATH] = {"mask_path", 1u << PHASE_INSIDE, 1, {ARG_TEXT}},
    [OP_READONLY_PATH] = {"readonly_path", 1u << PHASE_INSIDE, 1, {ARG_TEXT}},
    [OP_ROOT_ATTR] = {"root_attr", 1u << PHASE_INSIDE, 2, {ARG_U64, ARG_U32}},
    [OP_KEYRING] = {"keyring", 1u << PHASE_IDENTITY, 1, {ARG_TEXT}},
    [OP_PERSONALITY] = {"personality", 1u << PHASE_IDENTITY, 1, {ARG_U32}},
    [OP_OPEN_FILES] = {"open_files", 1u << PHASE_IDENTITY, 1, {ARG_U64}},
    [OP_MEMORY_POLICY] = {"memory_policy", 1u << PHASE_IDENTITY, 2, {ARG_U32, ARG_NUMBERS}},
    [OP_UMASK] = {"umask", 1u << PHASE_IDENTITY, 1, {ARG_U32}},
    [OP_BOUNDING_SET] = {"bounding_set", 1u << PHASE_IDENTITY, 1, {ARG_U64}},
    [OP_STDIO_OWNER] = {"stdio_owner", 1u << PHASE_IDENTITY, 1, {ARG_U32}},
    [OP_GROUPS] = {"groups", 1u << PHASE_IDENTITY, 1, {ARG_NUMBERS}},
    [OP_GID] = {"gid", 1u << PHASE_IDENTITY, 1, {ARG_U32}},
    [OP_UID] = {"uid", 1u << PHASE_IDENTITY, 1, {ARG_U32}},
    [OP_CAPABILITIES] = {"capabilities", 1u << PHASE_IDENTITY, 4, {ARG_U64, ARG_U64, ARG_U64, ARG_U64}},
    [OP_NO_NEW_PRIVS] = {"no_new_privs", 1u << PHASE_IDENTITY, 0, {0}},
    [OP_LSM_LABEL] = {"lsm_label", 1u << PHASE_IDENTITY, 2, {ARG_TEXT, ARG_TEXT}},
    [OP_CHDIR] = {"chdir", 1u << PHASE_IDENTITY, 2, {ARG_TEXT, ARG_U32}},
    [OP_RESOLVE_EXEC] = {"resolve_exec", 1u << PHASE_IDENTITY, 1, {ARG_TEXTS}},
    [OP_SECCOMP] = {"seccomp", 1u << PHASE_IDENTITY | 1u << PHASE_EXEC, 2, {ARG_SLOT, ARG_U32}},
    [OP_LIFELINE] = {"lifeline", 1u << PHASE_EXEC, 1, {ARG_SLOT}},
    [OP_HOME_ENV] = {"home_env", 1u << PHASE_EXEC, 0, {0}},
    [OP_GUARD] = {"guard", 1u << PHASE_EXEC, 1, {ARG_SLOT}},
    [OP_LANDLOCK] = {"landlock", 1u << PHASE_EXEC, 3, {ARG_U64, ARG_U64, ARG_U64}},
    [OP_LANDLOCK_BENEATH] = {"landlock_beneath", 1u << PHASE_EXEC, 2, {ARG_U64, ARG_TEXTS}},
    [OP_LANDLOCK_PORTS] = {"landlock_ports", 1u << PHASE_EXEC, 2, {ARG_U64, ARG_NUMBERS}},
    [OP_LANDLOCK_RESTRICT] = {"landlock_restrict", 1u << PHASE_EXEC, 0, {0}},
    [OP_CREATED] = {"created", 1u << PHASE_EXEC, 0, {0}},
    [OP_AWAIT_START] = {"await_start", 1u << PHASE_EXEC, 1, {ARG_SLOT}},
    [OP_CLOSE_FROM] = {"close_from", 1u << PHASE_EXEC, 1, {ARG_U32}},
    [OP_REAP] = {"reap", 1u << PHASE_EXEC, 1, {ARG_SLOT}},
    [OP_EXECVE] = {"execve", 1u << PHASE_EXEC, 2, {ARG_TEXTS, ARG_TEXTS}},
};

/* The arguments of an op by name; a view of the same values that `all` has in the order of the wire. */
struct cgroup_join_op {
  struct value slot;
};
struct not_dumpable_op {};
struct setns_op {
  struct value slot, type;
};
struct unshare_op {
  struct value flags;
};
struct map_op {};
struct become_root_op {
  struct value uid, gid;
};
struct clone_op {};
struct setsid_op {};
struct subreaper_op {};
struct sockets_op {
  struct value slot, kinds;
};
struct propagation_op {
  struct value flags;
};
struct root_op {
  struct value slot;
};
struct root_checked_op {
  struct value slot, source;
};
struct layer_op {
  struct value slot, source;
};
struct root_layered_op {
  struct value slot, source, list;
};
struct root_in_memory_op {
  struct value slot, options, list;
};
struct root_dir_op {
  struct value slot;
};
struct root_over_op {
  struct value slot;
};
struct attach_op {
  struct value slot, path, set, clear, implied, rec_set, rec_clear, propagation, resolve;
};
struct attach_checked_op {
  struct value slot, source, recursive, path, set, clear, implied, rec_set, rec_clear, propagation, resolve;
};
struct attach_inside_op {
  struct value source, recursive, path, set, clear, implied, rec_set, rec_clear, propagation, resolve;
};
struct attach_mapped_op {
  struct value slot, source, below, path, set, clear, implied, rec_set, rec_clear, propagation, resolve;
};
struct mount_fs_op {
  struct value type, source, path, options, attributes, rec_set, rec_clear, propagation, resolve;
};
struct set_attributes_op {
  struct value path, set, clear, rec_set, rec_clear, propagation;
};
struct reconfigure_op {
  struct value path, options;
};
struct mkdir_op {
  struct value path, mode, uid, gid;
};
struct symlink_op {
  struct value target, path;
};
struct mknod_op {
  struct value path, mode, major, minor, uid, gid, keep;
};
struct place_root_op {
  struct value path;
};
struct prepare_op {};
struct pivot_root_op {};
struct move_root_op {};
struct chroot_op {};
struct host_root_op {};
struct join_root_op {
  struct value slot;
};
struct hostname_op {
  struct value name;
};
struct domainname_op {
  struct value name;
};
struct sysctl_op {
  struct value key, value;
};
struct loopback_up_op {};
struct console_op {
  struct value slot, rows, columns, bind, line_feeds;
};
struct controlling_terminal_op {};
struct reopen_null_op {};
struct mask_path_op {
  struct value path;
};
struct readonly_path_op {
  struct value path;
};
struct root_attr_op {
  struct value set, propagation;
};
struct keyring_op {
  struct value name;
};
struct personality_op {
  struct value persona;
};
struct open_files_op {
  struct value soft;
};
struct memory_policy_op {
  struct value mode, nodes;
};
struct umask_op {
  struct value mask;
};
struct bounding_set_op {
  struct value keep;
};
struct stdio_owner_op {
  struct value uid;
};
struct groups_op {
  struct value gids;
};
struct gid_op {
  struct value gid;
};
struct uid_op {
  struct value uid;
};
struct capabilities_op {
  struct value effective, permitted, inheritable, ambient;
};
struct no_new_privs_op {};
struct lsm_label_op {
  struct value file, label;
};
struct chdir_op {
  struct value path, optional;
};
struct resolve_exec_op {
  struct value candidates;
};
struct seccomp_op {
  struct value slot, flags;
};
struct lifeline_op {
  struct value slot;
};
struct home_env_op {};
struct guard_op {
  struct value slot;
};
struct landlock_op {
  struct value fs, net, scope;
};
struct landlock_beneath_op {
  struct value access, paths;
};
struct landlock_ports_op {
  struct value access, ports;
};
struct landlock_restrict_op {};
struct created_op {};
struct await_start_op {
  struct value slot;
};
struct close_from_op {
  struct value first;
};
struct reap_op {
  struct value slot;
};
struct execve_op {
  struct value args, env;
};

union args {
  struct value all[OP_MAX_ARGS];
  struct cgroup_join_op cgroup_join;
  struct not_dumpable_op not_dumpable;
  struct setns_op setns;
  struct unshare_op unshare;
  struct map_op map;
  struct become_root_op become_root;
  struct clone_op clone;
  struct setsid_op setsid;
  struct subreaper_op subreaper;
  struct sockets_op sockets;
  struct propagation_op propagation;
  struct root_op root;
  struct root_checked_op root_checked;
  struct layer_op layer;
  struct root_layered_op root_layered;
  struct root_in_memory_op root_in_memory;
  struct root_dir_op root_dir;
  struct root_over_op root_over;
  struct attach_op attach;
  struct attach_checked_op attach_checked;
  struct attach_inside_op attach_inside;
  struct attach_mapped_op attach_mapped;
  struct mount_fs_op mount_fs;
  struct set_attributes_op set_attributes;
  struct reconfigure_op reconfigure;
  struct mkdir_op mkdir;
  struct symlink_op symlink;
  struct mknod_op mknod;
  struct place_root_op place_root;
  struct prepare_op prepare;
  struct pivot_root_op pivot_root;
  struct move_root_op move_root;
  struct chroot_op chroot;
  struct host_root_op host_root;
  struct join_root_op join_root;
  struct hostname_op hostname;
  struct domainname_op domainname;
  struct sysctl_op sysctl;
  struct loopback_up_op loopback_up;
  struct console_op console;
  struct controlling_terminal_op controlling_terminal;
  struct reopen_null_op reopen_null;
  struct mask_path_op mask_path;
  struct readonly_path_op readonly_path;
  struct root_attr_op root_attr;
  struct keyring_op keyring;
  struct personality_op personality;
  struct open_files_op open_files;
  struct memory_policy_op memory_policy;
  struct umask_op umask;
  struct bounding_set_op bounding_set;
  struct stdio_owner_op stdio_owner;
  struct groups_op groups;
  struct gid_op gid;
  struct uid_op uid;
  struct capabilities_op capabilities;
  struct no_new_privs_op no_new_privs;
  struct lsm_label_op lsm_label;
  struct chdir_op chdir;
  struct resolve_exec_op resolve_exec;
  struct seccomp_op seccomp;
  struct lifeline_op lifeline;
  struct home_env_op home_env;
  struct guard_op guard;
  struct landlock_op landlock;
  struct landlock_beneath_op landlock_beneath;
  struct landlock_ports_op landlock_ports;
  struct landlock_restrict_op landlock_restrict;
  struct created_op created;
  struct await_start_op await_start;
  struct close_from_op close_from;
  struct reap_op reap;
  struct execve_op execve;
};

#endif
