// What the static libstdc++ and libgcc of the compiler take from a newer glibc than the oldest that we run on, or that musl
// does not have. Linked into the prebuilt add-ons (scripts/prebuild.mjs), and not visible outside of them.
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>

// glibc 2.32: whether atomic operations may be left out. Node has threads.
char __libc_single_threaded = 0;

// How libgcc finds out if there are threads.
int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  return pthread_key_create(key, destructor);
}

// libgcc on arm64 asks which instructions there are by a name that musl keeps to itself.
unsigned long __getauxval(unsigned long type) { return getauxval(type); }

// glibc 2.35: where the unwinder finds the tables of an address; as dl_find_object(3) has it.
struct found {
  unsigned long long flags;
  void *start, *end;
  struct link_map *map;
  void *eh_frame;
  // On some processors, not on x86_64: the base that data is relative to.
  unsigned long long base;
};

struct search {
  ElfW(Addr) address;
  struct found *result;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  struct search *search = data;
  const ElfW(Phdr) *tables = NULL, *segment = NULL;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    const ElfW(Addr) start = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_GNU_EH_FRAME) tables = header;
    if (header->p_type == PT_LOAD && search->address >= start && search->address < start + header->p_memsz)
      segment = header;
  }
  if (segment == NULL || tables == NULL) return 0;
  search->result->start = (void *)(info->dlpi_addr + segment->p_vaddr);
  search->result->end = (char *)search->result->start + segment->p_memsz;
  search->result->eh_frame = (void *)(info->dlpi_addr + tables->p_vaddr);
  search->result->base = 0;
  return 1;
}

// Under another name here: a newer <dlfcn.h> declares it, an older one does not.
int find_object(void *address, struct found *result) __asm__("_dl_find_object");

int find_object(void *address, struct found *result) {
  struct search search = {.address = (ElfW(Addr))address, .result = result};
  return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}
