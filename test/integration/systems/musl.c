// What GNU's libraries of C++ and of the compiler ask of glibc, for musl: with it they run a Node that is
// linked to them. It is only for tests of the package, which brings its own libstdc++: locales are all "C",
// and an exception is found by the tables of program headers.
#define _GNU_SOURCE
#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { CATEGORIES = 13 };

// glibc's struct __locale_struct, whose tables libstdc++ reads itself.
struct glibc_locale {
  void *data[CATEGORIES];
  const unsigned short *kinds;
  const int32_t *lower, *upper;
  const char *names[CATEGORIES];
};

const unsigned short **__ctype_b_loc(void);
const int32_t **__ctype_tolower_loc(void);
const int32_t **__ctype_toupper_loc(void);

static struct glibc_locale locale;

void *__newlocale(int mask, const char *name, void *base) {
  (void)mask, (void)name, (void)base;
  locale.kinds = *__ctype_b_loc();
  locale.lower = *__ctype_tolower_loc();
  locale.upper = *__ctype_toupper_loc();
  for (int each = 0; each < CATEGORIES; each++)
    locale.names[each] = "C";
  return &locale;
}

void __freelocale(void *unused) {
  (void)unused;
}

void *__duplocale(void *same) {
  return same;
}

void *__uselocale(void *unused) {
  (void)unused;
  return &locale;
}

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time, void *unused) {
  (void)unused;
  return strftime(text, size, format, time);
}

char __libc_single_threaded = 0;

uint32_t arc4random(void) {
  uint32_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number)
    abort();
  return number;
}

int __pthread_key_create(pthread_key_t *key, void (*end)(void *)) {
  return pthread_key_create(key, end);
}

struct ending {
  void (*end)(void *);
  void *object;
  struct ending *next;
};

static pthread_key_t endings;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void end_all(void *first) {
  for (struct ending *each = first, *next; each != NULL; each = next) {
    next = each->next;
    each->end(each->object);
    free(each);
  }
}

static void make_key(void) {
  pthread_key_create(&endings, end_all);
}

int __cxa_thread_atexit_impl(void (*end)(void *), void *object, void *library) {
  (void)library;
  pthread_once(&once, make_key);
  struct ending *added = malloc(sizeof *added);
  if (added == NULL)
    return -1;
  *added = (struct ending){end, object, pthread_getspecific(endings)};
  return pthread_setspecific(endings, added);
}

// -1: not known, and libgcc asks dl_iterate_phdr(3), which musl has.
int _dl_find_object(void *address, void *result) {
  (void)address, (void)result;
  return -1;
}

// Hidden behind versions in libgcc, which musl does not take.
unsigned __cpu_model[4];
int __cpu_indicator_init(void) {
  return 0;
}

// std::string::_M_replace_cold of libstdc++ 13, if that of this machine is older: what is put in may be a
// part of the text itself.
void _ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm(
    void *string, char *at, size_t old, const char *from, size_t count, size_t after) {
  (void)string;
  char *copy = malloc(count + 1);
  if (copy == NULL)
    abort();
  memcpy(copy, from, count);
  memmove(at + count, at + old, after);
  memcpy(at, copy, count);
  free(copy);
}
