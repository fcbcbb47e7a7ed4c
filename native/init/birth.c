// The process that goes on, where it can't be this one: in a cgroup of version 2, or in a user or pid
// namespace. The runtime does not clone it, since what it clones has its memory until it has become this
// program: the kernel counts that memory for the cgroup of the process, and out of memory there it would kill
// the runtime.
#include "birth.h"

#include <linux/prctl.h>
#include <linux/sched.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

static const uint64_t BY_CLONE = CLONE_NEWUSER | CLONE_NEWPID | CLONE_INTO_CGROUP;

static int demand(const struct init *init, enum birth call, int result) {
  if (result >= 0)
    return result;
  tell_unborn(&init->report, call, result);
  sys_exit(1);
}

static void show_life(struct init *init, const int ends[2]) {
  char byte = 0;
  sys_close(ends[0]);
  follow_parent(init);
  if (sys_send(ends[1], &byte, 1) != 1)
    sys_exit(1);
}

// The child must not go ahead of the frame that makes it known, nor go on without it.
static void await_way(const int ends[2]) {
  char byte;
  if (sys_read(ends[1], &byte, 1) != 1)
    sys_exit(1);
  sys_close(ends[1]);
}

void follow_announcement(struct init *init, const int ends[2]) {
  show_life(init, ends);
  await_way(ends);
}

bool announce(const struct init *init, int pid, const int ends[2]) {
  char byte = 0;
  sys_close(ends[1]);
  tell(&init->report, FRAME_CLONED, (uint64_t)pid);
  return sys_read(ends[0], &byte, 1) == 1;
}

_Noreturn void give_way(const int ends[2]) {
  char byte = 0;
  sys_exit(sys_send(ends[0], &byte, 1) == 1 ? 0 : 1);
}

// clone3 with these flags, to a child of our parent.
static int clone_beside(uint64_t flags, int cgroup) {
  struct clone_args args = {.flags = CLONE_PARENT | flags};
  if (flags & CLONE_INTO_CGROUP)
    args.cgroup = (uint32_t)cgroup;
  int pid = sys_clone3(&args);
  // Filters of engines can't see its flags, and say that there is none: then by what clone(2) can do.
  return pid == -ENOSYS && (flags & CLONE_INTO_CGROUP) == 0 ? sys_clone(CLONE_PARENT | flags) : pid;
}

static void make_namespaces(struct init *init, uint64_t flags) {
  if (flags & CLONE_NEWUSER)
    return;
  if (flags & WANTS_TIMELINE)
    begin_timeline(&init->report, &init->timeline);
  note_step(&init->report, &init->timeline);
  uint32_t left = (uint32_t)(flags & BY_UNSHARE);
  if (left != 0)
    demand(init, BIRTH_UNSHARE, sys_unshare(left));
  note_step(&init->report, &init->timeline);
}

// False in the parent, if the child has never lived. The child makes its namespaces before it waits for its
// parent, since they take longer than that; if it has to end, nobody has seen them.
static bool try_birth(struct init *init, uint64_t flags, int cgroup) {
  int ends[2];
  demand(init, BIRTH_SOCKETPAIR, sys_socketpair(ends));
  int pid = demand(init, BIRTH_CLONE, clone_beside(flags & BY_CLONE, cgroup));
  if (pid == 0) {
    show_life(init, ends);
    make_namespaces(init, flags);
    await_way(ends);
    return true;
  }
  if (announce(init, pid, ends)) {
    tell(&init->report, FRAME_LIVES, 0);
    give_way(ends);
  }
  sys_close(ends[0]);
  return false;
}

static void join(const struct init *init, int cgroup) {
  int file = demand(init, BIRTH_JOIN, sys_openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0));
  demand(init, BIRTH_JOIN, (int)sys_write(file, "0", 1));
  sys_close(file);
}

// A parent that has cloned tells of it before it ends: killed in between, it would leave a child that nobody
// knows of. So it does not follow its own parent any more; with that the other ends of its sockets are gone,
// and it does not get far.
//
// From Linux 6.14 on the kernel kills a process that is cloned into a cgroup at birth, if cgroup.kill has
// been written there, or where its parent is, a different number of times. Then the parent moves, which takes
// a lock of the whole machine and some milliseconds, and the child is born beside it.
void be_born(struct init *init, uint64_t flags, int cgroup) {
  if ((flags & BY_CLONE) == 0) {
    follow_parent(init);
    return make_namespaces(init, flags);
  }
  if (!try_birth(init, flags, cgroup)) {
    if ((flags & CLONE_INTO_CGROUP) == 0)
      sys_exit(1);
    tell(&init->report, FRAME_STILLBORN, 0);
    join(init, cgroup);
    if (!try_birth(init, flags & ~CLONE_INTO_CGROUP, cgroup))
      sys_exit(1);
  }
  if (flags & CLONE_INTO_CGROUP)
    sys_close(cgroup);
}

// Its uid is not mapped yet, and execve would drop every capability but the ambient ones.
static void keep_capabilities(const struct init *init) {
  uint64_t all;
  demand(init, BIRTH_EXEC, sys_effective_capabilities(&all));
  struct capability_sets sets = {all, all, all};
  demand(init, BIRTH_EXEC, sys_capset(&sets));
  for (unsigned int capability = 0; capability < 64; capability++)
    if ((all >> capability & 1u) != 0)
      demand(init, BIRTH_EXEC, sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability));
}

// In decimal, at the end of `text`.
static char *digits_of(uint64_t number, char text[24]) {
  char *at = text + 23;
  *at = 0;
  do
    *--at = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  return at;
}

void execute_again(const struct init *init, const char *control, uint64_t flags) {
  char text[24], name[] = "tsrun-init", socket[24];
  size_t length = 0;
  do
    socket[length] = control[length];
  while (control[length++] != 0);
  char *const args[] = {name, socket, digits_of(flags, text), NULL};
  char *const environment[] = {NULL};
  keep_capabilities(init);
  demand(init, BIRTH_EXEC, sys_keep_at_exec(init->report.socket));
  sys_umask(init->caller_umask);
  demand(init, BIRTH_EXEC, sys_execve("/proc/self/exe", args, environment));
  sys_exit(1);
}
