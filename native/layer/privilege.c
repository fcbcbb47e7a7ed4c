// What tsrun-layer does not need it gives away before it reads the first order.
#include "layer.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/unistd.h>

#include "../init/memory.h"

#define RESOURCE_CORE 4
#define RESOURCE_FILES 7
#define RESOURCE_MEMORY 9
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452 // Linux 6.6, the same everywhere
#endif
#define MOST_FILES (MAX_DEPTH + 64)
#define MOST_MEMORY (64ull << 20)

// Who maps the ids says so with a byte.
void enter_user_namespace(const struct layer *layer) {
  char byte;
  must(layer, "unshare", sys_unshare(CLONE_NEWUSER));
  answer(0, ANSWER_MAPPED, "", 0, "");
  if (sys_read(ORDERS, &byte, 1) != 1)
    sys_exit(1);
  // Refused if the namespace may not have groups (setgroups is "deny"); then they stay.
  (void)sys_setgroups(0, NULL);
  must(layer, "setresgid", sys_setresgid(0));
  must(layer, "setresuid", sys_setresuid(0));
}

static void drop_capabilities(const struct layer *layer, bool trusted) {
  static const uint64_t WRITING = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER |
                                  1ull << CAP_FSETID | 1ull << CAP_SETFCAP;
  uint64_t kept = layer->reads ? 1ull << CAP_DAC_READ_SEARCH : WRITING;
  if (layer->devices)
    kept |= 1ull << CAP_MKNOD;
  // For the attributes trusted.*, of which only overlay's are set or looked for.
  if (trusted)
    kept |= 1ull << CAP_SYS_ADMIN;
  uint64_t effective;
  must(layer, "capget", sys_effective_capabilities(&effective));
  if ((effective & 1ull << CAP_SETPCAP) != 0)
    for (unsigned int capability = 0; capability < 64; capability++)
      if ((kept >> capability & 1) == 0)
        (void)sys_prctl(PR_CAPBSET_DROP, capability, 0);
  kept &= effective;
  struct capability_sets sets = {kept, kept, 0};
  must(layer, "capset", sys_capset(&sets));
}

static void limit(const struct layer *layer, unsigned int resource, uint64_t most) {
  uint64_t limits[2];
  must(layer, "prlimit", sys_prlimit(resource, NULL, limits));
  limits[0] = limits[1] = limits[1] < most ? limits[1] : most;
  must(layer, "prlimit", sys_prlimit(resource, limits, NULL));
}

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define MACHINE AUDIT_ARCH_RISCV64
#endif

#define IF_NUMBER(name)                                                                                      \
  {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, __NR_##name}, {                                                          \
    BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW                                                                 \
  }

// None of these can run a program, reach the network, or another process.
static const struct sock_filter BOTH[] = {
    IF_NUMBER(write), IF_NUMBER(read),  IF_NUMBER(splice),     IF_NUMBER(close),      IF_NUMBER(openat2),
    IF_NUMBER(statx), IF_NUMBER(lseek), IF_NUMBER(getdents64), IF_NUMBER(exit_group), IF_NUMBER(exit),
};
static const struct sock_filter TO_WRITE[] = {
    IF_NUMBER(openat),    IF_NUMBER(fchown),    IF_NUMBER(fchmod),    IF_NUMBER(fchmodat),
    IF_NUMBER(fchmodat2), IF_NUMBER(utimensat), IF_NUMBER(fchownat),  IF_NUMBER(mkdirat),
    IF_NUMBER(symlinkat), IF_NUMBER(linkat),    IF_NUMBER(fsetxattr), IF_NUMBER(mknodat),
    IF_NUMBER(unlinkat),  IF_NUMBER(ftruncate), IF_NUMBER(syncfs),
};
static const struct sock_filter TO_READ[] = {
    IF_NUMBER(readlinkat),
    IF_NUMBER(flistxattr),
    IF_NUMBER(fgetxattr),
};

static void allow_only_files(const struct layer *layer) {
  static const struct sock_filter BEFORE[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch)},
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, MACHINE},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
  };
  static const struct sock_filter AFTER[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS}};
  struct sock_filter filter[(sizeof BEFORE + sizeof BOTH + sizeof TO_WRITE + sizeof AFTER) / sizeof *AFTER];
  size_t size = 0;
#define APPEND(part) (memcpy((char *)filter + size, part, sizeof part), size += sizeof part)
  APPEND(BEFORE);
  APPEND(BOTH);
  if (layer->reads)
    APPEND(TO_READ);
  else
    APPEND(TO_WRITE);
  APPEND(AFTER);
  const struct sock_fprog program = {(unsigned short)(size / sizeof *filter), filter};
  must(layer, "seccomp", sys_seccomp(0, &program));
}

void drop_privileges(const struct layer *layer, bool trusted) {
  must(layer, "prctl", sys_prctl(PR_SET_DUMPABLE, 0, 0));
  must(layer, "prctl", sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0));
  drop_capabilities(layer, trusted);
  // Every change of credentials makes the kernel forget that.
  must(layer, "prctl", sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0));
  limit(layer, RESOURCE_CORE, 0);
  limit(layer, RESOURCE_FILES, MOST_FILES);
#ifndef TSRUN_HOSTED // a sanitizer needs more
  limit(layer, RESOURCE_MEMORY, MOST_MEMORY);
  allow_only_files(layer);
#else
  (void)allow_only_files;
#endif
}
