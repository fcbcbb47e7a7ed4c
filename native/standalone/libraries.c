// The one library that native/sys asks for by name.
#include <dlfcn.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>

static const struct {
  const char *name;
  void (*function)(void);
} functions[] = {
    {"seccomp_version", (void (*)(void))seccomp_version},
    {"seccomp_syscall_resolve_name_arch", (void (*)(void))seccomp_syscall_resolve_name_arch},
    {"seccomp_rule_add_array", (void (*)(void))seccomp_rule_add_array},
    {"seccomp_export_bpf", (void (*)(void))seccomp_export_bpf},
    {"seccomp_init", (void (*)(void))seccomp_init},
};

void *static_open(const char *name, int flags) {
  (void)flags;
  return strcmp(name, "libseccomp.so.2") == 0 ? (void *)(size_t)functions : NULL;
}

void *static_find(void *library, const char *name) {
  for (size_t i = 0; library && i < sizeof functions / sizeof *functions; i++)
    if (strcmp(functions[i].name, name) == 0)
      return *(void *const *)&functions[i].function;
  return NULL;
}

// The library is wherever the executable is.
int static_locate(const void *address, Dl_info *info) {
  info->dli_fname = "/proc/self/exe";
  return address != NULL;
}
