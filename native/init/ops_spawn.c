// SPAWN: a process in the right cgroups and namespaces.
#include <linux/prctl.h>
#include <linux/sched.h>

#include "birth.h"

void run_cgroup_join(struct init *init, struct cgroup_join_op *args) {
  int fd = take_slot(init, args->slot.number);
  must(&init->report, "write", sys_write(fd, "0", 1), "cgroup.procs");
  sys_close(fd);
}

void run_not_dumpable(struct init *init, struct not_dumpable_op *args) {
  must(&init->report, "prctl", sys_prctl(PR_SET_DUMPABLE, 0, 0), "PR_SET_DUMPABLE");
}

void run_setns(struct init *init, struct setns_op *args) {
  int fd = take_slot(init, args->slot.number);
  must(&init->report, "setns", sys_setns(fd, (uint32_t)args->type.number), "");
  sys_close(fd);
  follow_parent(init);
}

void run_unshare(struct init *init, struct unshare_op *args) {
  must(&init->report, "unshare", sys_unshare((uint32_t)args->flags.number), "");
  follow_parent(init);
}

void run_map(struct init *init, struct map_op *args) {
  wait_at(init, OP_MAP);
}

void run_become_root(struct init *init, struct become_root_op *args) {
  must(&init->report, "setresgid", sys_setresgid((uint32_t)args->gid.number), "");
  must(&init->report, "setresuid", sys_setresuid((uint32_t)args->uid.number), "");
  follow_parent(init);
}

// By clone(2): there may be a filter by now, and those of engines know no clone3(2), whose flags they can't
// see.
void run_clone(struct init *init, struct clone_op *args) {
  int ends[2];
  must(&init->report, "socketpair", sys_socketpair(ends), "");
  outlive_parent(init); // until it has told of the child (birth.c)
  drop(&init->procfs);  // of this pid namespace
  int pid = must(&init->report, "clone", sys_clone(CLONE_PARENT), "");
  if (pid == 0) {
    follow_announcement(init, ends);
    if (init->leads_session)
      run_setsid(init, NULL);
    return;
  }
  if (announce(init, pid, ends))
    give_way(ends);
  sys_exit(1);
}

void run_setsid(struct init *init, struct setsid_op *args) {
  must(&init->report, "setsid", sys_setsid(), "");
  init->leads_session = true;
}

void run_subreaper(struct init *init, struct subreaper_op *args) {
  must(&init->report, "prctl", sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0), "PR_SET_CHILD_SUBREAPER");
}
