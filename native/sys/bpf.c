// The device filter of cgroup v2: an eBPF program attached to the cgroup's directory.
#include "sys.h"
#include <linux/bpf.h>
#include <string.h>

#define TRIES 5

static int bpf(int command, union bpf_attr *attr) {
  return (int)result(syscall(SYS_bpf, command, attr, sizeof *attr));
}

// A descriptor of the program, which lives as long as that or as long as it is attached.
EXPORT int ts_device_filter_load(const void *instructions, int count) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uintptr_t)instructions;
  attr.insn_cnt = (uint32_t)count;
  attr.license = (uintptr_t) "Apache-2.0";
  memcpy(attr.prog_name, "tsrun_devices", sizeof "tsrun_devices");
  int fd = -EAGAIN;
  // The verifier gives up with EAGAIN when a signal is pending.
  for (int i = 0; i < TRIES && fd == -EAGAIN; i++)
    fd = bpf(BPF_PROG_LOAD, &attr);
  return own(fd);
}

// `replaced` is the program that goes in the same instant, or -1.
EXPORT int ts_device_filter_attach(int cgroup, int program, int replaced) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (replaced >= 0) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = (uint32_t)replaced;
  }
  return bpf(BPF_PROG_ATTACH, &attr);
}

EXPORT int ts_device_filter_detach(int cgroup, int program) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  return bpf(BPF_PROG_DETACH, &attr);
}

// The ids of the device filters of this very cgroup; returns how many there are.
EXPORT int ts_device_filter_list(int cgroup, uint32_t *ids, int size) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.query.target_fd = (uint32_t)cgroup;
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = (uintptr_t)ids;
  attr.query.prog_cnt = (uint32_t)size;
  int listed = bpf(BPF_PROG_QUERY, &attr);
  return listed < 0 ? listed : (int)attr.query.prog_cnt;
}

EXPORT int ts_bpf_program(uint32_t id) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_id = id;
  return own(bpf(BPF_PROG_GET_FD_BY_ID, &attr));
}
