// The devices that every container may use: a list in cgroup v1, a program in cgroup v2.
#define _GNU_SOURCE
#include "floor.h"

#include <fcntl.h>
#include <linux/bpf.h>

static const struct rule {
  char type;
  int major, minor; // -1: any
} rules[] = {{'c', -1, -1}, {'b', -1, -1}, {'c', 1, 3}, {'c', 1, 5}, {'c', 1, 7},    {'c', 1, 8},
             {'c', 1, 9},   {'c', 5, 0},   {'c', 5, 1}, {'c', 5, 2}, {'c', 136, -1}, {'c', 10, 200}};
#define RULE_COUNT (sizeof rules / sizeof *rules)

// Any device may be made, only those with a number be used.
static const char *access_of(const struct rule *rule) {
  return rule->major < 0 ? "m" : "rwm";
}

static void write_in(const char *cgroup, const char *name, const char *text) {
  char path[400];
  snprintf(path, sizeof path, "%s/%s", cgroup, name);
  int fd = (int)must(open(path, O_WRONLY | O_CLOEXEC));
  must(write(fd, text, strlen(text)));
  close(fd);
}

static const char *number(int value, char text[12]) {
  if (value < 0)
    return "*";
  snprintf(text, 12, "%d", value);
  return text;
}

void limit_devices_v1(const char *cgroup) {
  char text[64], major[12], minor[12];
  write_in(cgroup, "devices.deny", "a");
  for (size_t i = 0; i < RULE_COUNT; i++) {
    snprintf(text, sizeof text, "%c %s:%s %s", rules[i].type, number(rules[i].major, major),
             number(rules[i].minor, minor), access_of(&rules[i]));
    write_in(cgroup, "devices.allow", text);
  }
}

static struct bpf_insn load(int to, size_t offset) {
  return (struct bpf_insn){
      .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (__u8)to, .src_reg = 1, .off = (__s16)offset};
}

static struct bpf_insn operate(int operation, int on, int value) {
  return (struct bpf_insn){.code = (__u8)(BPF_ALU64 | operation | BPF_K), .dst_reg = (__u8)on, .imm = value};
}

static struct bpf_insn skip_unless(int reg, int value, int count) {
  return (struct bpf_insn){
      .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (__u8)reg, .off = (__s16)count, .imm = value};
}

static int answer(struct bpf_insn *to, int value) {
  to[0] = operate(BPF_MOV, 0, value);
  to[1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
  return 2;
}

// Registers: 2 the device's type, 3 what is asked for, 4 and 5 its numbers.
static int write_rule(struct bpf_insn *to, const struct rule *rule) {
  int type = rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK, count = 0;
  int tests = 1 + (rule->major < 0) + (rule->major >= 0) + (rule->minor >= 0);
  to[count++] = skip_unless(2, type, --tests + 2);
  if (rule->major < 0)
    to[count++] = skip_unless(3, BPF_DEVCG_ACC_MKNOD, --tests + 2);
  if (rule->major >= 0)
    to[count++] = skip_unless(4, rule->major, --tests + 2);
  if (rule->minor >= 0)
    to[count++] = skip_unless(5, rule->minor, --tests + 2);
  return count + answer(to + count, 1);
}

static long bpf(int command, union bpf_attr *attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

void limit_devices_v2(const char *cgroup) {
  struct bpf_insn program[16 + 8 * RULE_COUNT];
  int count = 0;
  program[count++] = load(2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
  program[count++] = load(3, offsetof(struct bpf_cgroup_dev_ctx, access_type));
  program[count++] = operate(BPF_AND, 2, 0xffff);
  program[count++] = operate(BPF_RSH, 3, 16);
  program[count++] = load(4, offsetof(struct bpf_cgroup_dev_ctx, major));
  program[count++] = load(5, offsetof(struct bpf_cgroup_dev_ctx, minor));
  for (size_t i = 0; i < RULE_COUNT; i++)
    count += write_rule(program + count, &rules[i]);
  count += answer(program + count, 0);
  union bpf_attr loaded = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (__u64)(unsigned long)program,
                           .insn_cnt = (__u32)count,
                           .license = (__u64)(unsigned long)"Apache-2.0"};
  int fd = (int)must(bpf(BPF_PROG_LOAD, &loaded));
  int target = (int)must(open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  union bpf_attr attached = {.target_fd = (__u32)target,
                             .attach_bpf_fd = (__u32)fd,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
  must(bpf(BPF_PROG_ATTACH, &attached));
  close(target);
  close(fd);
}
