// IDENTITY: the user, capabilities and labels of the process.
#include <linux/capability.h>
#include <linux/prctl.h>

#include "memory.h"
#include "path.h"
#include "procfs.h"

#define LAST_BIT 63
// All for its possessor; view, read and search for its user: without search a second process of the
// container can't join the session by its name.
#define KEYRING_PERMISSIONS 0x3f0b0000u

void run_keyring(struct init *init, struct keyring_op *args) {
  const char *name = args->name.text;
  long key = sys_join_session_keyring(name);
  must(&init->report, "keyctl", key, name);
  must(&init->report, "keyctl", sys_set_key_permissions(key, KEYRING_PERMISSIONS), name);
}

void run_personality(struct init *init, struct personality_op *args) {
  must(&init->report, "personality", sys_personality((uint32_t)args->persona.number), "");
}

void run_memory_policy(struct init *init, struct memory_policy_op *args) {
  enum { WORD = 64, WORDS = 16 };
  unsigned long nodes[WORDS] = {0};
  bool empty = args->nodes.list.left == 0;
  while (args->nodes.list.left > 0) {
    uint32_t node = next_number(&args->nodes);
    if (node >= WORD * WORDS)
      fail(&init->report, "set_mempolicy", -EINVAL, "node");
    nodes[node / WORD] |= 1ul << node % WORD;
  }
  uint32_t mode = (uint32_t)args->mode.number;
  // The kernel takes one off the number of bits.
  int result = sys_set_mempolicy(mode, empty ? NULL : nodes, empty ? 0 : WORD * WORDS + 1);
  must(&init->report, "set_mempolicy", result, "");
}

void run_umask(struct init *init, struct umask_op *args) {
  sys_umask((uint32_t)args->mask.number);
}

// Where we lack the privilege, that is no harm if the capability is gone already.
static int drop_bound(unsigned int capability) {
  int result = sys_prctl(PR_CAPBSET_DROP, capability, 0);
  return result == -EPERM && sys_prctl(PR_CAPBSET_READ, capability, 0) == 0 ? 0 : result;
}

void run_bounding_set(struct init *init, struct bounding_set_op *args) {
  for (unsigned int capability = 0; capability <= LAST_BIT; capability++) {
    if ((args->keep.number >> capability & 1u) != 0)
      continue;
    int result = drop_bound(capability);
    // Past the last one that the kernel knows.
    if (result == -EINVAL)
      return;
    must(&init->report, "prctl", result, "PR_CAPBSET_DROP");
  }
}

void run_stdio_owner(struct init *init, struct stdio_owner_op *args) {
  uint32_t uid = (uint32_t)args->uid.number;
  for (int fd = 0; fd < 3; fd++) {
    struct statx found = stat_of(init, fd, "");
    if (is_device(&found, S_IFCHR, 1, 3) || found.stx_uid == uid)
      continue;
    int result = sys_fchownat(fd, "", uid, UINT32_MAX, AT_EMPTY_PATH);
    if (result != -EPERM && result != -EROFS && result != -EINVAL)
      must(&init->report, "fchownat", result, "stdio");
  }
}

// No groups are asked for, and the kernel has refused to drop them. A process that may change groups was
// refused since the user namespace denies it to everybody in it (/proc/self/setgroups), which keeps those of
// its maker. Anybody else lacks CAP_SETGID, and that is no harm only if there is nothing to drop.
static bool may_keep_groups(void) {
  uint64_t effective;
  bool allowed = sys_effective_capabilities(&effective) == 0 && (effective & 1u << CAP_SETGID) != 0;
  return allowed || sys_count_groups() == 0;
}

void run_groups(struct init *init, struct groups_op *args) {
  size_t count = args->gids.list.left, size = (count + 1) * sizeof(uint32_t);
  long error;
  uint32_t *gids = sys_map(size, -1, &error);
  must(&init->report, "mmap", error, "groups");
  for (size_t i = 0; i < count; i++)
    gids[i] = next_number(&args->gids);
  int result = sys_setgroups(count, gids);
  sys_unmap(gids, size);
  if (result != -EPERM || count > 0 || !may_keep_groups())
    must(&init->report, "setgroups", result, "");
}

void run_gid(struct init *init, struct gid_op *args) {
  uint32_t gid = (uint32_t)args->gid.number, found[3];
  must(&init->report, "setresgid", sys_setresgid(gid), "");
  must(&init->report, "getresgid", sys_getresgid(found), "");
  if (found[0] != gid || found[1] != gid || found[2] != gid)
    fail(&init->report, "getresgid", -EPERM, "");
  follow_parent(init);
}

void run_uid(struct init *init, struct uid_op *args) {
  uint32_t uid = (uint32_t)args->uid.number, found[3];
  must(&init->report, "prctl", sys_prctl(PR_SET_KEEPCAPS, 1, 0), "PR_SET_KEEPCAPS");
  must(&init->report, "setresuid", sys_setresuid(uid), "");
  must(&init->report, "getresuid", sys_getresuid(found), "");
  if (found[0] != uid || found[1] != uid || found[2] != uid)
    fail(&init->report, "getresuid", -EPERM, "");
  follow_parent(init);
}

void run_capabilities(struct init *init, struct capabilities_op *args) {
  struct capability_sets sets = {args->effective.number, args->permitted.number, args->inheritable.number};
  must(&init->report, "capset", sys_capset(&sets), "");
  must(&init->report, "prctl", sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0), "PR_CAP_AMBIENT");
  for (unsigned int capability = 0; capability <= LAST_BIT; capability++)
    if ((args->ambient.number >> capability & 1u) != 0)
      must(&init->report, "prctl", sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability),
           "PR_CAP_AMBIENT");
  must(&init->report, "prctl", sys_prctl(PR_SET_KEEPCAPS, 0, 0), "PR_SET_KEEPCAPS");
  follow_parent(init);
}

void run_no_new_privs(struct init *init, struct no_new_privs_op *args) {
  must(&init->report, "prctl", sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0), "PR_SET_NO_NEW_PRIVS");
}

void run_lsm_label(struct init *init, struct lsm_label_op *args) {
  write_procfs(init, "thread-self/attr", args->file.text, args->label.text);
}

void run_chdir(struct init *init, struct chdir_op *args) {
  const char *path = args->path.text;
  if (!init->in_cwd) {
    int result = sys_chdir(path);
    if (result == -EACCES && args->optional.number == 1)
      return;
    must(&init->report, "chdir", result, path);
    init->in_cwd = true;
  }
  // Of the kernel's own answer: a libc hides that a directory is not below the root (CVE-2024-21626).
  char cwd[PATH_MAX];
  must(&init->report, "getcwd", sys_getcwd(cwd, sizeof cwd), path);
  if (cwd[0] != '/')
    violate(&init->report, VIOLATION_CWD, path);
}

#define OPEN_FILES 7 // RLIMIT_NOFILE

// Node has raised it for itself; the hard limit stays.
void run_open_files(struct init *init, struct open_files_op *args) {
  uint64_t limit[2];
  must(&init->report, "prlimit", sys_prlimit(OPEN_FILES, NULL, limit), "RLIMIT_NOFILE");
  if (limit[0] <= args->soft.number)
    return;
  limit[0] = args->soft.number;
  must(&init->report, "prlimit", sys_prlimit(OPEN_FILES, limit, NULL), "RLIMIT_NOFILE");
}
