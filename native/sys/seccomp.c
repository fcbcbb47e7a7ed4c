// libseccomp in bulk. A call through FFI costs 5 to 15 us and a profile needs a thousand of them, which
// libseccomp itself answers in 2 ms. Nothing is linked: the library is found when it is needed.
#include "sys.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LIBRARY "libseccomp.so.2"
#define MAX_ARGS 6

// As <seccomp.h> has them, which is not needed to compile this.
struct scmp_version {
  unsigned int major;
  unsigned int minor;
  unsigned int micro;
};

struct scmp_arg_cmp {
  unsigned int arg;
  int op;
  uint64_t datum_a;
  uint64_t datum_b;
};

typedef int (*add_function)(void *, uint32_t, int, unsigned int, const struct scmp_arg_cmp *);

// Numbers from JavaScript, one after the other.
struct numbers {
  const uint64_t *next;
  int left;
};

static inline void close_library(void **library) {
  if (*library)
    dlclose(*library);
}

#define LIBSECCOMP __attribute__((cleanup(close_library))) void *

// The handle keeps the function alive, so it is closed by the caller and not here. The library stays
// loaded: JavaScript holds filters that are in its memory.
static void *open_library(void) {
  return dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static int missing(const char *function, char *text, int capacity) {
  const char *reason = dlerror();
  snprintf(text, (size_t)capacity, "%s: %s", function, reason ? reason : "no reason is given");
  return -ENOSYS;
}

// The library's version as text: its length. If it can't be had, -ENOSYS, and the text is what dlopen or
// dlsym said, ended by NUL.
EXPORT int ts_seccomp_version(char *text, int capacity) {
  LIBSECCOMP library = open_library();
  const struct scmp_version *(*version)(void) = NULL;
  if (library)
    *(void **)&version = dlsym(library, "seccomp_version");
  if (!version)
    return missing(library ? "dlsym" : "dlopen", text, capacity);
  const struct scmp_version *found = version();
  return snprintf(text, (size_t)capacity, "%u.%u.%u", found->major, found->minor, found->micro);
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

// The next `count` numbers; NULL: there are not as many.
static const uint64_t *take(struct numbers *numbers, int count) {
  const uint64_t *taken = numbers->next;
  if (numbers->left < count)
    return NULL;
  numbers->next += count;
  numbers->left -= count;
  return taken;
}

// A rule is its action, its system call, how many conditions it has, and four numbers for each of them.
static int add_rule(add_function add, void *context, struct numbers *numbers) {
  struct scmp_arg_cmp args[MAX_ARGS];
  const uint64_t *head = take(numbers, 3);
  if (!head || head[2] > MAX_ARGS)
    return -EINVAL;
  unsigned int count = (unsigned int)head[2];
  for (unsigned int i = 0; i < count; i++) {
    const uint64_t *arg = take(numbers, 4);
    if (!arg)
      return -EINVAL;
    args[i] = (struct scmp_arg_cmp){(unsigned int)arg[0], (int)arg[1], arg[2], arg[3]};
  }
  return add(context, (uint32_t)head[0], (int)head[1], count, args);
}

// Adds the rules that the numbers are, until one is refused: its index is in `refused`, and -errno is
// returned.
EXPORT int ts_seccomp_add_rules(size_t context, const uint64_t *rules, int length, int32_t *refused) {
  LIBSECCOMP library = open_library();
  add_function add = NULL;
  if (library)
    *(void **)&add = dlsym(library, "seccomp_rule_add_array");
  if (!add)
    return -ENOSYS;
  struct numbers numbers = {rules, length};
  for (*refused = 0; numbers.left > 0; *refused += 1) {
    int error = add_rule(add, (void *)context, &numbers);
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
