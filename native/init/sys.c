#include "sys.h"

#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include "call.h"
#include "memory.h"

int sys_openat(int dir, const char *path, uint64_t flags, uint32_t mode) {
  return (int)CALL(openat, dir, path, flags, mode);
}

int sys_openat2(int dir, const char *path, const struct open_how *how) {
  return (int)CALL(openat2, dir, path, how, sizeof *how);
}

int sys_close(int fd) {
  return (int)CALL(close, fd);
}

int sys_close_range(unsigned int first, unsigned int last, unsigned int flags) {
  return (int)CALL(close_range, first, last, flags);
}

long sys_read(int fd, void *to, size_t size) {
  return CALL(read, fd, to, size);
}

long sys_write(int fd, const void *from, size_t size) {
  return CALL(write, fd, from, size);
}

// Rather than fstat, whose structure differs between architectures.
int sys_statx(int dir, const char *path, int flags, struct statx *to) {
  return (int)CALL(statx, dir, path, flags, STATX_BASIC_STATS, to);
}

int sys_fstatfs(int fd, struct statfs *to) {
  return (int)CALL(fstatfs, fd, to);
}

int sys_mkdirat(int dir, const char *path, uint32_t mode) {
  return (int)CALL(mkdirat, dir, path, mode);
}

int sys_mknodat(int dir, const char *path, uint32_t mode, uint32_t device) {
  return (int)CALL(mknodat, dir, path, mode, device);
}

int sys_symlinkat(const char *target, int dir, const char *path) {
  return (int)CALL(symlinkat, target, dir, path);
}

int sys_unlinkat(int dir, const char *path) {
  return (int)CALL(unlinkat, dir, path, 0);
}

long sys_readlinkat(int dir, const char *path, char *to, size_t size) {
  return CALL(readlinkat, dir, path, to, size);
}

int sys_fchownat(int dir, const char *path, uint32_t uid, uint32_t gid, int flags) {
  return (int)CALL(fchownat, dir, path, uid, gid, flags);
}

int sys_fchmodat(int dir, const char *path, uint32_t mode) {
  return (int)CALL(fchmodat, dir, path, mode);
}

int sys_fchmodat2(int dir, const char *path, uint32_t mode, int flags) {
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452 // Linux 6.6, the same everywhere
#endif
  return (int)CALL(fchmodat2, dir, path, mode, flags);
}

int sys_faccessat(int dir, const char *path, int mode) {
  return (int)CALL(faccessat, dir, path, mode);
}

int sys_faccessat2(int dir, const char *path, int mode, int flags) {
  return (int)CALL(faccessat2, dir, path, mode, flags);
}

int sys_dup3(int from, int to, int flags) {
  return (int)CALL(dup3, from, to, flags);
}

int sys_get_seals(int fd) {
  return (int)CALL(fcntl, fd, F_GET_SEALS);
}

int sys_ioctl(int fd, unsigned int request, void *argument) {
  return (int)CALL(ioctl, fd, request, argument);
}

int sys_chdir(const char *path) {
  return (int)CALL(chdir, path);
}

int sys_fchdir(int fd) {
  return (int)CALL(fchdir, fd);
}

int sys_chroot(const char *path) {
  return (int)CALL(chroot, path);
}

int sys_getcwd(char *to, size_t size) {
  return (int)CALL(getcwd, to, size);
}

uint32_t sys_umask(uint32_t mask) {
  return (uint32_t)CALL(umask, mask);
}

int sys_mount(const char *target, unsigned long flags) {
  return (int)CALL(mount, NULL, target, NULL, flags, NULL);
}

int sys_umount(const char *target, int flags) {
  return (int)CALL(umount2, target, flags);
}

int sys_pivot_root(const char *to, const char *old) {
  return (int)CALL(pivot_root, to, old);
}

int sys_open_tree(int dir, const char *path, unsigned int flags) {
  return (int)CALL(open_tree, dir, path, flags);
}

int sys_move_mount(int from, int to_dir, const char *to, unsigned int flags) {
  return (int)CALL(move_mount, from, "", to_dir, to, flags | MOVE_MOUNT_F_EMPTY_PATH);
}

int sys_mount_setattr(int fd, unsigned int flags, const struct mount_attr *attributes) {
  return (int)CALL(mount_setattr, fd, "", flags | AT_EMPTY_PATH, attributes, sizeof *attributes);
}

int sys_fsopen(const char *type) {
  return (int)CALL(fsopen, type, FSOPEN_CLOEXEC);
}

int sys_fsconfig(int fd, unsigned int command, const char *key, const char *value) {
  return (int)CALL(fsconfig, fd, command, key, value, 0);
}

int sys_fspick(int fd) {
  return (int)CALL(fspick, fd, "", FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH);
}

int sys_fsmount(int fd, unsigned int attributes) {
  return (int)CALL(fsmount, fd, FSMOUNT_CLOEXEC, attributes);
}

int sys_setns(int fd, uint32_t type) {
  return (int)CALL(setns, fd, type);
}

int sys_unshare(uint32_t flags) {
  return (int)CALL(unshare, flags);
}

// Like fork: only the flags, so that the order of the other arguments, which differs, does not matter.
int sys_clone(unsigned long flags) {
  return (int)CALL(clone, flags, 0, 0, 0, 0);
}

int sys_clone3(struct clone_args *args) {
  return (int)CALL(clone3, args, sizeof *args);
}

int sys_setsid(void) {
  return (int)CALL(setsid, 0);
}

int sys_prlimit(unsigned int resource, const uint64_t *to, uint64_t *from) {
  return (int)CALL(prlimit64, 0, resource, to, from);
}

int sys_prctl(int option, unsigned long a, unsigned long b) {
  return (int)CALL(prctl, option, a, b, 0, 0);
}

int sys_clear_signal_mask(void) {
  uint64_t none = 0;
  return (int)CALL(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

int sys_getpid(void) {
  return (int)raw(__NR_getpid, 0, 0, 0, 0, 0, 0);
}

int sys_handle_signal(int number, void (*handler)(int)) {
  // A handler that does not return needs no restorer, but the kernel asks for one on some machines.
  struct sigaction action = {
      .sa_handler = handler,
#ifdef SA_RESTORER
      .sa_flags = SA_RESTORER,
      .sa_restorer = (void (*)(void))handler,
#endif
  };
  return (int)CALL(rt_sigaction, number, &action, NULL, sizeof action.sa_mask);
}

int sys_execve(const char *path, char *const *args, char *const *env) {
  return (int)CALL(execve, path, args, env);
}

// A seccomp filter of the container's may refuse exit_group, and exit too: a trap is refused by none.
_Noreturn void sys_exit(int status) {
  CALL(exit_group, status);
  CALL(exit, status);
  __builtin_trap();
}

int sys_setresuid(uint32_t uid) {
  return (int)CALL(setresuid, uid, uid, uid);
}

int sys_setresgid(uint32_t gid) {
  return (int)CALL(setresgid, gid, gid, gid);
}

int sys_getresuid(uint32_t ids[3]) {
  return (int)CALL(getresuid, &ids[0], &ids[1], &ids[2]);
}

int sys_getresgid(uint32_t ids[3]) {
  return (int)CALL(getresgid, &ids[0], &ids[1], &ids[2]);
}

int sys_setgroups(size_t count, const uint32_t *gids) {
  return (int)CALL(setgroups, count, gids);
}

int sys_count_groups(void) {
  return (int)CALL(getgroups, 0, NULL);
}

int sys_effective_capabilities(uint64_t *effective) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  int result = (int)CALL(capget, &header, data);
  *effective = data[0].effective | (uint64_t)data[1].effective << 32;
  return result;
}

int sys_keep_at_exec(int fd) {
  return (int)CALL(fcntl, fd, F_SETFD, 0);
}

int sys_capset(const struct capability_sets *sets) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
    data[i].effective = (uint32_t)(sets->effective >> 32 * i);
    data[i].permitted = (uint32_t)(sets->permitted >> 32 * i);
    data[i].inheritable = (uint32_t)(sets->inheritable >> 32 * i);
  }
  return (int)CALL(capset, &header, data);
}

int sys_personality(uint32_t persona) {
  return (int)CALL(personality, persona);
}

int sys_set_mempolicy(uint32_t mode, const unsigned long *nodes, unsigned long count) {
  return (int)CALL(set_mempolicy, mode, nodes, count);
}

long sys_join_session_keyring(const char *name) {
  return CALL(keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
}

int sys_set_key_permissions(long key, uint32_t permissions) {
  return (int)CALL(keyctl, KEYCTL_SETPERM, key, permissions);
}

int sys_seccomp(uint32_t flags, const struct sock_fprog *program) {
  return (int)CALL(seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

int sys_sethostname(const char *name, size_t length) {
  return (int)CALL(sethostname, name, length);
}

int sys_setdomainname(const char *name, size_t length) {
  return (int)CALL(setdomainname, name, length);
}

int sys_socket(int family, int type) {
  return (int)CALL(socket, family, type | O_CLOEXEC, 0);
}

int sys_socketpair(int ends[2]) {
  enum { LOCAL = 1, STREAM = 1 }; // AF_UNIX, SOCK_STREAM
  return (int)CALL(socketpair, LOCAL, STREAM | O_CLOEXEC, 0, ends);
}

int sys_accept(int fd) {
  return (int)CALL(accept4, fd, NULL, NULL, O_CLOEXEC);
}

int sys_peer_uid(int fd, uint32_t *uid) {
  enum { PEER_CREDENTIALS = 17 }; // SO_PEERCRED
  uint32_t ids[3];                // struct ucred: pid, uid, gid
  uint32_t size = sizeof ids;
  int result = (int)CALL(getsockopt, fd, LEVEL_SOCKET, PEER_CREDENTIALS, ids, &size);
  *uid = ids[1];
  return result;
}

#define DONT_SIGNAL 0x4000 // MSG_NOSIGNAL

long sys_send(int fd, const void *from, size_t size) {
  return CALL(sendto, fd, from, size, DONT_SIGNAL, NULL, 0);
}

// What is received is closed on exec.
long sys_recvmsg(int fd, struct message *message) {
  enum { CLOSE_ON_EXEC = 0x40000000 }; // MSG_CMSG_CLOEXEC
  return CALL(recvmsg, fd, message, CLOSE_ON_EXEC);
}

long sys_sendmsg(int fd, const struct message *message) {
  return CALL(sendmsg, fd, message, DONT_SIGNAL);
}

void *sys_map(size_t size, int fd, long *error) {
  long flags = MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0);
  long at = CALL(mmap, NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  *error = at < 0 && at > -4096 ? at : 0;
  return *error == 0 ? (void *)at : NULL;
}

void sys_unmap(void *at, size_t size) {
  CALL(munmap, at, size);
}
