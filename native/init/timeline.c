#include "timeline.h"

#include <linux/time.h>
#include <linux/time_types.h>

#include "call.h"
#include "report.h"
#include "sys.h"

#define MOST_TIMES 512 // a page

void begin_timeline(const struct report *report, struct timeline *timeline) {
  long error;
  timeline->times = sys_map(MOST_TIMES * sizeof *timeline->times, -1, &error);
  must(report, "mmap", error, "the timeline");
}

void note_step(const struct report *report, struct timeline *timeline) {
  if (timeline->times == NULL)
    return;
  struct __kernel_timespec now = {0};
  (void)CALL(clock_gettime, CLOCK_MONOTONIC, &now);
  timeline->times[timeline->count++] = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  if (timeline->count == MOST_TIMES)
    tell_steps(report, timeline);
}

void tell_steps(const struct report *report, struct timeline *timeline) {
  if (timeline->times == NULL || timeline->count == 0)
    return;
  tell_times(report, timeline->first, timeline->times, timeline->count);
  timeline->first += timeline->count;
  timeline->count = 0;
}

void end_timeline(const struct report *report, struct timeline *timeline) {
  tell_steps(report, timeline);
  timeline->times = NULL;
}
