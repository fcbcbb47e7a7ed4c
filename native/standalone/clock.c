// The clocks of the engine and of lib/quickjs. They stand still while the program is loaded: the engine takes
// seeds from them, and no time of the build belongs into what is built.
#include "engine.h"
#include <sys/time.h>
#include <time.h>

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __real_gettimeofday(struct timeval *time, void *zone);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_gettimeofday(struct timeval *time, void *zone);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time) {
  if (heap_is_loaded())
    return __real_clock_gettime(clock, time);
  *time = (struct timespec){.tv_sec = 1};
  return 0;
}

int __wrap_gettimeofday(struct timeval *time, void *zone) {
  if (heap_is_loaded())
    return __real_gettimeofday(time, zone);
  *time = (struct timeval){.tv_sec = 1};
  return 0;
}
