// In place of the system's header, for native/sys: a static executable has libseccomp in it and opens no
// library.
#ifndef TSRUN_STATIC_DLFCN_H
#define TSRUN_STATIC_DLFCN_H

enum { RTLD_NOW = 2, RTLD_LOCAL = 0, RTLD_NODELETE = 0x1000 };

typedef struct {
  const char *dli_fname;
} Dl_info;

void *static_open(const char *name, int flags);
void *static_find(void *library, const char *name);
int static_locate(const void *address, Dl_info *info);

static inline void *dlopen(const char *name, int flags) {
  return static_open(name, flags);
}

static inline void *dlsym(void *library, const char *name) {
  return static_find(library, name);
}

static inline int dladdr(const void *address, Dl_info *info) {
  return static_locate(address, info);
}

static inline int dlclose(void *library) {
  (void)library;
  return 0;
}

static inline const char *dlerror(void) {
  return "it is not a part of this executable";
}

#endif
