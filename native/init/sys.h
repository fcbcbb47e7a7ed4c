// The system calls that we make, raw: each returns what the kernel does, a negative number is -errno.
// The generic calls only (the *at family), so that x86_64, aarch64 and riscv64 share all of this but six
// instructions.
#ifndef TSRUN_SYS_H
#define TSRUN_SYS_H

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <asm/statfs.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdint.h>

// <linux/fs.h> and <sys/mount.h> contradict <linux/mount.h> in some releases; these numbers don't change.
#define MOUNT_DETACH 2
#define PATH_MAX 4096
#define SOCKET_INET 2
#define SOCKET_DATAGRAM 2
#define LEVEL_SOCKET 1     // SOL_SOCKET
#define SEND_DESCRIPTORS 1 // SCM_RIGHTS

struct io_vector {
  void *base;
  size_t length;
};

struct message {
  void *name;
  uint32_t name_length;
  struct io_vector *vectors;
  size_t vector_count;
  void *control;
  size_t control_length;
  uint32_t flags;
};

struct entry { // linux_dirent64
  uint64_t inode, offset;
  uint16_t length;
  unsigned char type;
  char name[];
};

struct clone_args; // <linux/sched.h>

struct capability_sets {
  uint64_t effective, permitted, inheritable;
};

// Files
int sys_openat(int dir, const char *path, uint64_t flags, uint32_t mode);
int sys_openat2(int dir, const char *path, const struct open_how *how);
int sys_close(int fd);
int sys_close_range(unsigned int first, unsigned int last, unsigned int flags);
long sys_read(int fd, void *to, size_t size);
long sys_write(int fd, const void *from, size_t size);
int sys_statx(int dir, const char *path, int flags, struct statx *to);
int sys_fstatfs(int fd, struct statfs *to);
int sys_mkdirat(int dir, const char *path, uint32_t mode);
int sys_mknodat(int dir, const char *path, uint32_t mode, uint32_t device);
int sys_symlinkat(const char *target, int dir, const char *path);
int sys_unlinkat(int dir, const char *path);
long sys_readlinkat(int dir, const char *path, char *to, size_t size);
int sys_fchownat(int dir, const char *path, uint32_t uid, uint32_t gid, int flags);
int sys_fchmodat(int dir, const char *path, uint32_t mode);
int sys_fchmodat2(int dir, const char *path, uint32_t mode, int flags);
int sys_faccessat(int dir, const char *path, int mode);
int sys_faccessat2(int dir, const char *path, int mode, int flags);
int sys_dup3(int from, int to, int flags);
int sys_get_seals(int fd);
int sys_ioctl(int fd, unsigned int request, void *argument);
int sys_chdir(const char *path);
int sys_fchdir(int fd);
int sys_chroot(const char *path);
int sys_getcwd(char *to, size_t size);
uint32_t sys_umask(uint32_t mask);

// Copies
long sys_getdents(int fd, void *to, size_t size);
long sys_sendfile(int to, int from, size_t size);
int sys_fchmod(int fd, uint32_t mode);
int sys_set_times(int fd, const struct statx *like);
long sys_flistxattr(int fd, char *to, size_t size);
long sys_fgetxattr(int fd, const char *name, void *to, size_t size);
int sys_fsetxattr(int fd, const char *name, const void *from, size_t size);

// Mounts
int sys_mount(const char *target, unsigned long flags);
int sys_umount(const char *target, int flags);
int sys_pivot_root(const char *to, const char *old);
int sys_open_tree(int dir, const char *path, unsigned int flags);
int sys_move_mount(int from, int to_dir, const char *to, unsigned int flags);
int sys_mount_setattr(int fd, unsigned int flags, const struct mount_attr *attributes);
int sys_fsopen(const char *type);
int sys_fsconfig(int fd, unsigned int command, const char *key, const char *value);
int sys_fspick(int fd);
int sys_fsmount(int fd, unsigned int attributes);

// Processes
int sys_setns(int fd, uint32_t type);
int sys_unshare(uint32_t flags);
int sys_clone(unsigned long flags);
int sys_clone3(struct clone_args *args);
int sys_setsid(void);
int sys_prctl(int option, unsigned long a, unsigned long b);

// The limit of this process; `soft` and `hard` in this order, and either may be NULL.
int sys_prlimit(unsigned int resource, const uint64_t *to, uint64_t *from);
int sys_clear_signal_mask(void);
int sys_getpid(void);
// `handler` may not return.
int sys_handle_signal(int number, void (*handler)(int));
// Clears close-on-exec.
int sys_keep_at_exec(int fd);
int sys_execve(const char *path, char *const *args, char *const *env);
_Noreturn void sys_exit(int status);

// Identity
int sys_setresuid(uint32_t uid);
int sys_setresgid(uint32_t gid);
int sys_getresuid(uint32_t ids[3]);
int sys_getresgid(uint32_t ids[3]);
int sys_setgroups(size_t count, const uint32_t *gids);
// How many supplementary groups there are.
int sys_count_groups(void);
int sys_effective_capabilities(uint64_t *effective);
int sys_capset(const struct capability_sets *sets);
int sys_personality(uint32_t persona);
int sys_set_mempolicy(uint32_t mode, const unsigned long *nodes, unsigned long count);
long sys_join_session_keyring(const char *name);
int sys_set_key_permissions(long key, uint32_t permissions);
int sys_seccomp(uint32_t flags, const struct sock_fprog *program);
int sys_sethostname(const char *name, size_t length);
int sys_setdomainname(const char *name, size_t length);

// Sockets
int sys_socket(int family, int type);
// Connected streams.
int sys_socketpair(int ends[2]);
int sys_accept(int fd);
// The peer of a connection; of a listening socket, the process that made it listen.
int sys_peer_uid(int fd, uint32_t *uid);
long sys_send(int fd, const void *from, size_t size);
long sys_sendmsg(int fd, const struct message *message);
long sys_recvmsg(int fd, struct message *message);

// Memory; NULL and the error in *error.
void *sys_map(size_t size, int fd, long *error);
void sys_unmap(void *at, size_t size);

#endif
