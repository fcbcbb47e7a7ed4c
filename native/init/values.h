// What the values of arguments must be, by the table of rules.h.
#ifndef TSRUN_VALUES_H
#define TSRUN_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"

// A text where it lies, not terminated.
struct span {
  const unsigned char *at;
  size_t length;
};

bool number_has_form(const struct value_rule *rule, uint64_t value);
bool text_has_form(const struct value_rule *rule, struct span text);

bool begins_with(struct span text, const char *prefix);

#endif
