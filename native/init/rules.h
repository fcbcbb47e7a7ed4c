/* Generated from rules.ts and values.ts in lib/plan: change these and run `npm run generate`. */
/* clang-format off */
#ifndef TSRUN_RULES_H
#define TSRUN_RULES_H

#include "ops.h"

#define IS(name) ((op_set)1 << OP_##name)

/* Bit n: the op of code n. */
typedef unsigned __int128 op_set;

_Static_assert(OP_COUNT <= 128, "a set of ops has 128 bits");

#define RULE_BY_UNSHARE 0x2000080u
#define RULE_MAPPED 0x10000080u
#define RULE_SYSCTL_NAMESPACE 0x8000000u
#define RULE_NAMESPACES 0x7e020080u
#define RULE_PROPAGATION_DEPTH 0x4000u
#define RULE_FILE_TYPE_BITS 0xf000u
#define RULE_NO_ID 0xffffffffu
#define RULE_MOST_PRESERVED_FDS 65535u
#define RULE_MOST_SLOTS 16384
#define RULE_NEW_LISTENER 0x8u
#define NS_NEWTIME 0x80u
#define NS_NEWNS 0x20000u
#define NS_NEWCGROUP 0x2000000u
#define NS_NEWUTS 0x4000000u
#define NS_NEWIPC 0x8000000u
#define NS_NEWUSER 0x10000000u
#define NS_NEWPID 0x20000000u
#define NS_NEWNET 0x40000000u

enum slot_kind {
  SLOT_TREE = 0,
  SLOT_IDMAPPED_TREE = 1,
  SLOT_IDMAPPED_FILESYSTEM = 2,
  SLOT_DEVICE = 3,
  SLOT_PLACE = 4,
  SLOT_DIRECTORY = 5,
  SLOT_ROOT_MOUNT = 6,
  SLOT_LAYERED = 7,
  SLOT_UPPER = 8,
  SLOT_NAMESPACE = 9,
  SLOT_CGROUP = 10,
  SLOT_CGROUP_TREE = 11,
  SLOT_FILTER = 12,
  SLOT_START = 13,
  SLOT_CONSOLE = 14,
  SLOT_INIT = 15,
  SLOT_INIT_ROOT = 16,
  SLOT_STATUS = 17,
  SLOT_LIFELINE = 18,
  SLOT_SOCKETS = 19,
};
#define SLOT_KIND_COUNT 20

/* All other ops come once at most. */
static const op_set REPEATABLE = IS(CGROUP_JOIN) | IS(SETNS) | IS(UNSHARE) | IS(PROPAGATION) | IS(LAYER) | IS(ATTACH) | IS(ATTACH_CHECKED) | IS(ATTACH_INSIDE) | IS(ATTACH_MAPPED) | IS(MOUNT_FS) | IS(SET_ATTRIBUTES) | IS(RECONFIGURE) | IS(MKDIR) | IS(SYMLINK) | IS(MKNOD) | IS(SYSCTL) | IS(MASK_PATH) | IS(READONLY_PATH) | IS(LSM_LABEL) | IS(CHDIR) | IS(LANDLOCK_BENEATH) | IS(LANDLOCK_PORTS);
static const op_set ROOT_SWITCHES = IS(PIVOT_ROOT) | IS(MOVE_ROOT) | IS(CHROOT) | IS(HOST_ROOT) | IS(JOIN_ROOT);

struct order_rule {
  enum op_code of;
  op_set any;
  const char *reason;
};

/* At least one of `any` comes before `of`. */
static const struct order_rule DEMANDS[] = {
    {OP_SETNS, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_SOCKETS, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_ROOT, IS(PROPAGATION), "needs propagation before it"},
    {OP_ROOT_CHECKED, IS(PROPAGATION), "needs propagation before it"},
    {OP_LAYER, IS(PROPAGATION), "needs propagation before it"},
    {OP_ROOT_LAYERED, IS(PROPAGATION), "needs propagation before it"},
    {OP_ROOT_LAYERED, IS(LAYER), "needs layer before it"},
    {OP_ROOT_IN_MEMORY, IS(PROPAGATION), "needs propagation before it"},
    {OP_ROOT_IN_MEMORY, IS(LAYER), "needs layer before it"},
    {OP_ATTACH, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_ATTACH_CHECKED, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_ATTACH_INSIDE, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_ATTACH_MAPPED, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_MOUNT_FS, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_SET_ATTRIBUTES, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_RECONFIGURE, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER), "needs root or root_checked or root_layered or root_in_memory or root_over before it"},
    {OP_MKDIR, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER) | IS(ROOT_DIR), "needs root or root_checked or root_layered or root_in_memory or root_over or root_dir before it"},
    {OP_SYMLINK, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER) | IS(ROOT_DIR), "needs root or root_checked or root_layered or root_in_memory or root_over or root_dir before it"},
    {OP_MKNOD, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER) | IS(ROOT_DIR), "needs root or root_checked or root_layered or root_in_memory or root_over or root_dir before it"},
    {OP_PLACE_ROOT, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY), "needs root or root_checked or root_layered or root_in_memory before it"},
    {OP_PREPARE, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY) | IS(ROOT_OVER) | IS(ROOT_DIR), "needs root or root_checked or root_layered or root_in_memory or root_over or root_dir before it"},
    {OP_PIVOT_ROOT, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY), "needs root or root_checked or root_layered or root_in_memory before it"},
    {OP_MOVE_ROOT, IS(ROOT) | IS(ROOT_CHECKED) | IS(ROOT_LAYERED) | IS(ROOT_IN_MEMORY), "needs root or root_checked or root_layered or root_in_memory before it"},
    {OP_CHROOT, IS(ROOT_DIR) | IS(ROOT_OVER), "needs root_dir or root_over before it"},
    {OP_JOIN_ROOT, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_CONSOLE, IS(SETSID), "needs setsid before it"},
    {OP_CONTROLLING_TERMINAL, IS(CONSOLE), "needs console before it"},
    {OP_GROUPS, IS(BOUNDING_SET), "needs bounding_set before it"},
    {OP_GID, IS(BOUNDING_SET), "needs bounding_set before it"},
    {OP_GID, IS(GROUPS) | IS(HOST_ROOT), "needs groups or host_root before it"},
    {OP_UID, IS(GID), "needs gid before it"},
    {OP_CAPABILITIES, IS(UID), "needs uid before it"},
    {OP_RESOLVE_EXEC, IS(CAPABILITIES), "needs capabilities before it"},
    {OP_RESOLVE_EXEC, IS(CHDIR), "needs chdir before it"},
    {OP_LANDLOCK, IS(NO_NEW_PRIVS), "needs no_new_privs before it"},
    {OP_LANDLOCK, IS(RESOLVE_EXEC), "needs resolve_exec before it"},
    {OP_GUARD, IS(HOST_ROOT), "needs host_root before it"},
    {OP_GUARD, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_GUARD, IS(SUBREAPER), "needs subreaper before it"},
    {OP_GUARD, IS(NO_NEW_PRIVS), "needs no_new_privs before it"},
    {OP_GUARD, IS(RESOLVE_EXEC), "needs resolve_exec before it"},
    {OP_LANDLOCK_BENEATH, IS(LANDLOCK), "needs landlock before it"},
    {OP_LANDLOCK_PORTS, IS(LANDLOCK), "needs landlock before it"},
    {OP_LANDLOCK_RESTRICT, IS(LANDLOCK), "needs landlock before it"},
    {OP_CREATED, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_CREATED, IS(SETSID), "needs setsid before it"},
    {OP_CREATED, IS(CAPABILITIES), "needs capabilities before it"},
    {OP_CREATED, IS(CHDIR), "needs chdir before it"},
    {OP_AWAIT_START, IS(CREATED), "needs created before it"},
    {OP_REAP, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_REAP, IS(AWAIT_START), "needs await_start before it"},
    {OP_REAP, IS(CLOSE_FROM), "needs close_from before it"},
    {OP_EXECVE, IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {OP_EXECVE, IS(SETSID), "needs setsid before it"},
    {OP_EXECVE, IS(RESOLVE_EXEC), "needs resolve_exec before it"},
    {OP_EXECVE, IS(CLOSE_FROM), "needs close_from before it"},
};

/* `of` does not come after any. */
static const struct order_rule NEVER_AFTER[] = {
    {OP_PROPAGATION, IS(ROOT_OVER), "may not come after root_over"}, {OP_PROPAGATION, IS(LAYER), "may not come after layer"},
    {OP_ROOT, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_ROOT, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_ROOT, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_ROOT, IS(ROOT_OVER), "may not come after root_over"}, {OP_ROOT, IS(ROOT_DIR), "may not come after root_dir"}, {OP_ROOT, IS(LAYER), "may not come after layer"},
    {OP_ROOT_CHECKED, IS(ROOT), "may not come after root"}, {OP_ROOT_CHECKED, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_ROOT_CHECKED, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_ROOT_CHECKED, IS(ROOT_OVER), "may not come after root_over"}, {OP_ROOT_CHECKED, IS(ROOT_DIR), "may not come after root_dir"}, {OP_ROOT_CHECKED, IS(LAYER), "may not come after layer"},
    {OP_ROOT_LAYERED, IS(ROOT), "may not come after root"}, {OP_ROOT_LAYERED, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_ROOT_LAYERED, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_ROOT_LAYERED, IS(ROOT_OVER), "may not come after root_over"}, {OP_ROOT_LAYERED, IS(ROOT_DIR), "may not come after root_dir"},
    {OP_ROOT_IN_MEMORY, IS(ROOT), "may not come after root"}, {OP_ROOT_IN_MEMORY, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_ROOT_IN_MEMORY, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_ROOT_IN_MEMORY, IS(ROOT_OVER), "may not come after root_over"}, {OP_ROOT_IN_MEMORY, IS(ROOT_DIR), "may not come after root_dir"},
    {OP_ROOT_OVER, IS(ROOT), "may not come after root"}, {OP_ROOT_OVER, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_ROOT_OVER, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_ROOT_OVER, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_ROOT_OVER, IS(ROOT_DIR), "may not come after root_dir"}, {OP_ROOT_OVER, IS(LAYER), "may not come after layer"},
    {OP_ROOT_DIR, IS(ROOT), "may not come after root"}, {OP_ROOT_DIR, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_ROOT_DIR, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_ROOT_DIR, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_ROOT_DIR, IS(ROOT_OVER), "may not come after root_over"}, {OP_ROOT_DIR, IS(LAYER), "may not come after layer"},
    {OP_LAYER, IS(ROOT), "may not come after root"}, {OP_LAYER, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_LAYER, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_LAYER, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_LAYER, IS(ROOT_OVER), "may not come after root_over"}, {OP_LAYER, IS(ROOT_DIR), "may not come after root_dir"},
    {OP_HOST_ROOT, IS(ROOT), "may not come after root"}, {OP_HOST_ROOT, IS(ROOT_CHECKED), "may not come after root_checked"}, {OP_HOST_ROOT, IS(ROOT_LAYERED), "may not come after root_layered"}, {OP_HOST_ROOT, IS(ROOT_IN_MEMORY), "may not come after root_in_memory"}, {OP_HOST_ROOT, IS(ROOT_OVER), "may not come after root_over"}, {OP_HOST_ROOT, IS(ROOT_DIR), "may not come after root_dir"}, {OP_HOST_ROOT, IS(LAYER), "may not come after layer"},
    {OP_MKDIR, IS(ROOT_ATTR), "may not come after root_attr"},
    {OP_SYMLINK, IS(ROOT_ATTR), "may not come after root_attr"},
    {OP_CONSOLE, IS(ROOT_ATTR), "may not come after root_attr"},
    {OP_SYSCTL, IS(READONLY_PATH), "may not come after readonly_path"}, {OP_SYSCTL, IS(MASK_PATH), "may not come after mask_path"},
    {OP_KEYRING, IS(UID), "may not come after uid"},
    {OP_STDIO_OWNER, IS(UID), "may not come after uid"},
    {OP_LSM_LABEL, IS(UID), "may not come after uid"},
    {OP_UNSHARE, IS(CLONE), "may not come after clone"},
    {OP_SETNS, IS(CLONE), "may not come after clone"},
    {OP_CLONE, IS(SUBREAPER), "may not come after subreaper"}, {OP_CLONE, IS(CONTROLLING_TERMINAL), "may not come after controlling_terminal"}, {OP_CLONE, IS(RESOLVE_EXEC), "may not come after resolve_exec"}, {OP_CLONE, IS(CREATED), "may not come after created"},
    {OP_HOME_ENV, IS(CLOSE_FROM), "may not come after close_from"}, {OP_HOME_ENV, IS(LANDLOCK_RESTRICT), "may not come after landlock_restrict"},
    {OP_CREATED, IS(CLOSE_FROM), "may not come after close_from"},
    {OP_AWAIT_START, IS(CLOSE_FROM), "may not come after close_from"},
    {OP_LIFELINE, IS(CREATED), "may not come after created"},
    {OP_LANDLOCK, IS(CREATED), "may not come after created"}, {OP_LANDLOCK, IS(CLOSE_FROM), "may not come after close_from"},
    {OP_GUARD, IS(LANDLOCK), "may not come after landlock"}, {OP_GUARD, IS(CREATED), "may not come after created"}, {OP_GUARD, IS(CLOSE_FROM), "may not come after close_from"},
    {OP_LANDLOCK_RESTRICT, IS(CLOSE_FROM), "may not come after close_from"},
    {OP_LANDLOCK_BENEATH, IS(LANDLOCK_RESTRICT), "may not come after landlock_restrict"},
    {OP_LANDLOCK_PORTS, IS(LANDLOCK_RESTRICT), "may not come after landlock_restrict"},
    {OP_SECCOMP, IS(REAP), "may not come after reap"},
    {OP_CLOSE_FROM, IS(REAP), "may not come after reap"},
};

/* The kinds of slot that an op takes. */
static const unsigned int SLOT_KINDS[OP_COUNT] = {
    [OP_CGROUP_JOIN] = 1u << SLOT_CGROUP,
    [OP_SETNS] = 1u << SLOT_NAMESPACE | 1u << SLOT_INIT,
    [OP_ROOT] = 1u << SLOT_TREE | 1u << SLOT_LAYERED,
    [OP_ROOT_CHECKED] = 1u << SLOT_DIRECTORY,
    [OP_LAYER] = 1u << SLOT_DIRECTORY,
    [OP_ROOT_LAYERED] = 1u << SLOT_DIRECTORY,
    [OP_ROOT_IN_MEMORY] = 1u << SLOT_UPPER,
    [OP_ROOT_DIR] = 1u << SLOT_DIRECTORY,
    [OP_ROOT_OVER] = 1u << SLOT_ROOT_MOUNT,
    [OP_ATTACH_CHECKED] = 1u << SLOT_PLACE,
    [OP_ATTACH_MAPPED] = 1u << SLOT_IDMAPPED_TREE,
    [OP_ATTACH] = 1u << SLOT_TREE | 1u << SLOT_IDMAPPED_TREE | 1u << SLOT_IDMAPPED_FILESYSTEM | 1u << SLOT_DEVICE | 1u << SLOT_CGROUP_TREE,
    [OP_JOIN_ROOT] = 1u << SLOT_INIT_ROOT,
    [OP_CONSOLE] = 1u << SLOT_CONSOLE,
    [OP_SECCOMP] = 1u << SLOT_FILTER,
    [OP_AWAIT_START] = 1u << SLOT_START,
    [OP_LIFELINE] = 1u << SLOT_LIFELINE,
    [OP_SOCKETS] = 1u << SLOT_SOCKETS,
    [OP_GUARD] = 1u << SLOT_INIT,
    [OP_REAP] = 1u << SLOT_STATUS,
};

/* What the process must have left the host's for. */
static const uint32_t NAMESPACES_NEEDED[OP_COUNT] = {
    [OP_PROPAGATION] = 0x20000u,
    [OP_ROOT] = 0x20000u,
    [OP_ROOT_CHECKED] = 0x20000u,
    [OP_LAYER] = 0x20000u,
    [OP_ROOT_LAYERED] = 0x20000u,
    [OP_ROOT_IN_MEMORY] = 0x20000u,
    [OP_MASK_PATH] = 0x20000u,
    [OP_READONLY_PATH] = 0x20000u,
    [OP_ROOT_ATTR] = 0x20000u,
    [OP_HOSTNAME] = 0x4000000u,
    [OP_DOMAINNAME] = 0x4000000u,
    [OP_LOOPBACK_UP] = 0x40000000u,
    [OP_SOCKETS] = 0x40000000u,
};

static const struct {
  const char *prefix;
  uint32_t type;
} SYSCTL_NAMESPACES[] = {
    {"net/", 0x40000000u},
    {"user/", 0x10000000u},
    {"kernel/domainname", 0x4000000u},
};

static const uint32_t FILE_TYPES[] = {0x1000u, 0x2000u, 0x6000u};
static const uint32_t PROPAGATIONS[] = {0x100000u, 0x80000u, 0x40000u, 0x20000u};
static const char *const LSM_FILES[] = {"exec", "apparmor/exec", "keycreate"};

/* What a value is, beyond its kind. */
enum form {
  FORM_ANY,
  FORM_MASK,
  FORM_MOST,
  FORM_ID,
  FORM_PATH,
  FORM_PATH_OR_ROOT,
  FORM_PROPAGATION,
  FORM_PROPAGATION_OR_NONE,
  FORM_NAMESPACES,
  FORM_NODE_TYPE,
  FORM_FILLED,
  FORM_OPTION,
  FORM_VARIABLE,
  FORM_KEY,
  FORM_KEYRING,
  FORM_LSM_FILE,
};

/* Of what does not have the form. */
static const char *const FORM_FAULTS[] = {
    [FORM_ANY] = "has an argument that is not a value",
    [FORM_MASK] = "has an argument that has unknown bits",
    [FORM_MOST] = "has an argument that is out of range",
    [FORM_ID] = "has an argument that is not an id",
    [FORM_PATH] = "has an argument that is not an absolute path below the root",
    [FORM_PATH_OR_ROOT] = "has an argument that is not an absolute path",
    [FORM_PROPAGATION] = "has an argument that is not a propagation",
    [FORM_PROPAGATION_OR_NONE] = "has an argument that is not a propagation",
    [FORM_NAMESPACES] = "has an argument that is not a set of namespaces",
    [FORM_NODE_TYPE] = "has an argument that is not the mode of a device or fifo",
    [FORM_FILLED] = "has an argument that is empty",
    [FORM_OPTION] = "has an argument that is an option without a key",
    [FORM_VARIABLE] = "has an argument that is a variable without a name or without \"=\"",
    [FORM_KEY] = "has an argument that is not a relative path of plain names",
    [FORM_KEYRING] = "has an argument that is not the name of a keyring",
    [FORM_LSM_FILE] = "has an argument that is not a file of /proc/self/attr",
};

struct value_rule {
  unsigned char form, filled; /* in a list each entry has the form; `filled`: it has an entry */
  uint32_t limit;
};

static const struct value_rule VALUE_RULES[OP_COUNT][OP_MAX_ARGS] = {
    [OP_CGROUP_JOIN] = {{FORM_ANY, 0, 0u}},
    [OP_SETNS] = {{FORM_ANY, 0, 0u}, {FORM_NAMESPACES, 0, 0u}},
    [OP_UNSHARE] = {{FORM_NAMESPACES, 0, 0u}},
    [OP_BECOME_ROOT] = {{FORM_ID, 0, 0u}, {FORM_ID, 0, 0u}},
    [OP_SOCKETS] = {{FORM_ANY, 0, 0u}, {FORM_MOST, 1, 5u}},
    [OP_PROPAGATION] = {{FORM_PROPAGATION, 0, 0u}},
    [OP_ROOT] = {{FORM_ANY, 0, 0u}},
    [OP_ROOT_CHECKED] = {{FORM_ANY, 0, 0u}, {FORM_PATH_OR_ROOT, 0, 0u}},
    [OP_LAYER] = {{FORM_ANY, 0, 0u}, {FORM_PATH_OR_ROOT, 0, 0u}},
    [OP_ROOT_LAYERED] = {{FORM_ANY, 0, 0u}, {FORM_PATH_OR_ROOT, 0, 0u}, {FORM_MOST, 0, 1u}},
    [OP_ROOT_IN_MEMORY] = {{FORM_ANY, 0, 0u}, {FORM_OPTION, 0, 0u}, {FORM_MOST, 0, 1u}},
    [OP_ROOT_DIR] = {{FORM_ANY, 0, 0u}},
    [OP_ROOT_OVER] = {{FORM_ANY, 0, 0u}},
    [OP_ATTACH] = {{FORM_ANY, 0, 0u}, {FORM_PATH, 0, 0u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}, {FORM_MASK, 0, 71u}},
    [OP_ATTACH_CHECKED] = {{FORM_ANY, 0, 0u}, {FORM_PATH_OR_ROOT, 0, 0u}, {FORM_MOST, 0, 1u}, {FORM_PATH, 0, 0u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}, {FORM_MASK, 0, 71u}},
    [OP_ATTACH_INSIDE] = {{FORM_PATH_OR_ROOT, 0, 0u}, {FORM_MOST, 0, 1u}, {FORM_PATH, 0, 0u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}, {FORM_MASK, 0, 71u}},
    [OP_ATTACH_MAPPED] = {{FORM_ANY, 0, 0u}, {FORM_PATH_OR_ROOT, 0, 0u}, {FORM_KEY, 0, 0u}, {FORM_PATH, 0, 0u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}, {FORM_MASK, 0, 71u}},
    [OP_MOUNT_FS] = {{FORM_FILLED, 0, 0u}, {FORM_ANY, 0, 0u}, {FORM_PATH, 0, 0u}, {FORM_OPTION, 0, 0u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}, {FORM_MASK, 0, 127u}},
    [OP_SET_ATTRIBUTES] = {{FORM_PATH_OR_ROOT, 0, 0u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_MASK, 0, 2097343u}, {FORM_MASK, 0, 2097407u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}},
    [OP_RECONFIGURE] = {{FORM_PATH, 0, 0u}, {FORM_OPTION, 1, 0u}},
    [OP_MKDIR] = {{FORM_PATH, 0, 0u}, {FORM_MOST, 0, 4095u}, {FORM_ID, 0, 0u}, {FORM_ID, 0, 0u}},
    [OP_SYMLINK] = {{FORM_FILLED, 0, 0u}, {FORM_PATH, 0, 0u}},
    [OP_MKNOD] = {{FORM_PATH, 0, 0u}, {FORM_NODE_TYPE, 0, 0u}, {FORM_ANY, 0, 0u}, {FORM_ANY, 0, 0u}, {FORM_ID, 0, 0u}, {FORM_ID, 0, 0u}, {FORM_ANY, 0, 0u}},
    [OP_PLACE_ROOT] = {{FORM_PATH, 0, 0u}},
    [OP_JOIN_ROOT] = {{FORM_ANY, 0, 0u}},
    [OP_HOSTNAME] = {{FORM_ANY, 0, 0u}},
    [OP_DOMAINNAME] = {{FORM_ANY, 0, 0u}},
    [OP_SYSCTL] = {{FORM_KEY, 0, 0u}, {FORM_ANY, 0, 0u}},
    [OP_CONSOLE] = {{FORM_ANY, 0, 0u}, {FORM_MOST, 0, 65535u}, {FORM_MOST, 0, 65535u}, {FORM_MOST, 0, 1u}, {FORM_ANY, 0, 0u}},
    [OP_MASK_PATH] = {{FORM_PATH, 0, 0u}},
    [OP_READONLY_PATH] = {{FORM_PATH, 0, 0u}},
    [OP_ROOT_ATTR] = {{FORM_MASK, 0, 2097343u}, {FORM_PROPAGATION_OR_NONE, 0, 0u}},
    [OP_KEYRING] = {{FORM_KEYRING, 0, 0u}},
    [OP_PERSONALITY] = {{FORM_ANY, 0, 0u}},
    [OP_OPEN_FILES] = {{FORM_ANY, 0, 0u}},
    [OP_MEMORY_POLICY] = {{FORM_ANY, 0, 0u}, {FORM_ANY, 0, 0u}},
    [OP_UMASK] = {{FORM_MOST, 0, 511u}},
    [OP_BOUNDING_SET] = {{FORM_ANY, 0, 0u}},
    [OP_STDIO_OWNER] = {{FORM_ID, 0, 0u}},
    [OP_GROUPS] = {{FORM_ID, 0, 0u}},
    [OP_GID] = {{FORM_ID, 0, 0u}},
    [OP_UID] = {{FORM_ID, 0, 0u}},
    [OP_CAPABILITIES] = {{FORM_ANY, 0, 0u}, {FORM_ANY, 0, 0u}, {FORM_ANY, 0, 0u}, {FORM_ANY, 0, 0u}},
    [OP_LSM_LABEL] = {{FORM_LSM_FILE, 0, 0u}, {FORM_ANY, 0, 0u}},
    [OP_CHDIR] = {{FORM_PATH_OR_ROOT, 0, 0u}, {FORM_MOST, 0, 1u}},
    [OP_RESOLVE_EXEC] = {{FORM_FILLED, 0, 0u}},
    [OP_SECCOMP] = {{FORM_ANY, 0, 0u}, {FORM_MASK, 0, 63u}},
    [OP_LIFELINE] = {{FORM_ANY, 0, 0u}},
    [OP_GUARD] = {{FORM_ANY, 0, 0u}},
    [OP_LANDLOCK] = {{FORM_MASK, 0, 65535u}, {FORM_MASK, 0, 3u}, {FORM_MASK, 0, 3u}},
    [OP_LANDLOCK_BENEATH] = {{FORM_MASK, 0, 65535u}, {FORM_PATH_OR_ROOT, 1, 0u}},
    [OP_LANDLOCK_PORTS] = {{FORM_MASK, 0, 3u}, {FORM_MOST, 1, 65535u}},
    [OP_AWAIT_START] = {{FORM_ANY, 0, 0u}},
    [OP_CLOSE_FROM] = {{FORM_ANY, 0, 0u}},
    [OP_REAP] = {{FORM_ANY, 0, 0u}},
    [OP_EXECVE] = {{FORM_ANY, 1, 0u}, {FORM_VARIABLE, 0, 0u}},
};

#endif
