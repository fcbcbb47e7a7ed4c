#ifndef TSRUN_VALUE_H
#define TSRUN_VALUE_H

#include <stdint.h>

// ArgKind of lib/plan/ops.ts.
enum arg_kind { ARG_U32, ARG_U64, ARG_TEXT, ARG_TEXTS, ARG_NUMBERS, ARG_SLOT };

// One argument of an op. A list is read from the front, once, with next_text() or next_number().
struct value {
  union {
    uint64_t number; // u32, u64 and slot
    char *text;
    struct {
      unsigned char *at, *end;
      uint64_t left;
    } list;
  };
};

#endif
