// libseccomp in bulk. A call through FFI costs 5 to 15 us and a profile needs a thousand of them, which
// libseccomp itself answers in 2 ms. Nothing is linked: the library is found when it is needed.
#include "sys.h"
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>

#define LIBRARY "libseccomp.so.2"
#define MAX_ARGS 6

struct arg_cmp {
  uint32_t arg;
  uint32_t op;
  uint64_t datum_a;
  uint64_t datum_b;
};

struct rule {
  uint32_t action;
  int32_t syscall;
  uint32_t arg_count;
  uint32_t padding;
  struct arg_cmp args[MAX_ARGS];
};

static inline void close_library(void **library) {
  if (*library)
    dlclose(*library);
}

#define LIBSECCOMP __attribute__((cleanup(close_library))) void *

// The handle keeps the function alive, so it is closed by the caller and not here.
static void *open_library(void) {
  return dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

// The numbers of `count` names, one after the other and each ended by NUL; what libseccomp does not know is
// negative.
EXPORT int ts_seccomp_resolve(uint32_t arch, const char *names, int count, int32_t *numbers) {
  LIBSECCOMP library = open_library();
  int (*resolve)(uint32_t, const char *) = NULL;
  if (library)
    *(void **)&resolve = dlsym(library, "seccomp_syscall_resolve_name_arch");
  if (!resolve)
    return -ENOSYS;
  for (int i = 0; i < count; i++) {
    numbers[i] = resolve(arch, names);
    names += strlen(names) + 1;
  }
  return 0;
}

// Adds rules until one is refused: its index is in `refused`, and -errno is returned.
EXPORT int ts_seccomp_add_rules(size_t context, const struct rule *rules, int count, int32_t *refused) {
  LIBSECCOMP library = open_library();
  int (*add)(void *, uint32_t, int, unsigned int, const struct arg_cmp *) = NULL;
  if (library)
    *(void **)&add = dlsym(library, "seccomp_rule_add_array");
  if (!add)
    return -ENOSYS;
  for (int i = 0; i < count; i++) {
    const struct rule *rule = &rules[i];
    *refused = i;
    if (rule->arg_count > MAX_ARGS)
      return -EINVAL;
    int error = add((void *)context, rule->action, rule->syscall, rule->arg_count, rule->args);
    if (error < 0)
      return error;
  }
  return 0;
}

static int read_back(int fd, char *bytes, int capacity) {
  int length = 0;
  if (lseek(fd, 0, SEEK_SET) < 0)
    return -errno;
  while (length < capacity) {
    ssize_t got = read(fd, bytes + length, (size_t)(capacity - length));
    if (got < 0)
      return -errno;
    if (got == 0)
      return length;
    length += (int)got;
  }
  return -E2BIG;
}

// The program as an array of struct sock_filter: its length in bytes. Through a file, since libseccomp can
// export to memory only from 2.6 on.
EXPORT int ts_seccomp_export(size_t context, char *program, int capacity) {
  LIBSECCOMP library = open_library();
  int (*export)(void *, int) = NULL;
  if (library)
    *(void **)&export = dlsym(library, "seccomp_export_bpf");
  if (!export)
    return -ENOSYS;
  OWNED fd = memfd_create("tsrun-filter", MFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  int error = export((void *)context, fd);
  return error < 0 ? error : read_back(fd, program, capacity);
}

// The path that the library was loaded from.
EXPORT int ts_seccomp_library(char *path, int capacity) {
  LIBSECCOMP library = open_library();
  Dl_info info;
  if (!library || !dladdr(dlsym(library, "seccomp_init"), &info) || !info.dli_fname)
    return -ENOSYS;
  size_t length = strlen(info.dli_fname);
  if (length >= (size_t)capacity)
    return -ENAMETOOLONG;
  memcpy(path, info.dli_fname, length);
  return (int)length;
}
