// When each step was done, if the runtime asks for that: kept here, and told at barriers, since a frame for
// each would take as long as many an op.
#ifndef TSRUN_TIMELINE_H
#define TSRUN_TIMELINE_H

#include <stdint.h>

struct report;

#define WANTS_TIMELINE 0x400000000ULL // among the flags that the helper is started with

struct timeline {
  uint64_t *times;       // nanoseconds of CLOCK_MONOTONIC; NULL: nobody asks, or no more can be told
  uint32_t first, count; // the steps that they are of
};

void begin_timeline(const struct report *report, struct timeline *timeline);

// One more step has been done. The first are those before the plan, in the order of STEPS in
// lib/launch/timeline.ts; all others are ops.
void note_step(const struct report *report, struct timeline *timeline);

// What has been noted and not told. After the last no step is noted any more.
void tell_steps(const struct report *report, struct timeline *timeline);
void end_timeline(const struct report *report, struct timeline *timeline);

#endif
