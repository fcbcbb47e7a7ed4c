#include "values.h"

#include "memory.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool is_one_of(uint64_t value, const uint32_t *known, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (value == known[i])
      return true;
  return false;
}

static bool is_propagation(uint64_t value) {
  return is_one_of(value & ~(uint64_t)RULE_PROPAGATION_DEPTH, PROPAGATIONS, LENGTH(PROPAGATIONS));
}

bool number_has_form(const struct value_rule *rule, uint64_t value) {
  switch (rule->form) {
  case FORM_MASK:
    return (value & ~(uint64_t)rule->limit) == 0;
  case FORM_MOST:
    return value <= rule->limit;
  case FORM_ID:
    return value != RULE_NO_ID;
  case FORM_PROPAGATION:
    return is_propagation(value);
  case FORM_PROPAGATION_OR_NONE:
    return value == 0 || is_propagation(value);
  case FORM_NAMESPACES:
    return value != 0 && (value & ~(uint64_t)RULE_NAMESPACES) == 0;
  case FORM_NODE_TYPE:
    return is_one_of(value & RULE_FILE_TYPE_BITS, FILE_TYPES, LENGTH(FILE_TYPES));
  default:
    return true;
  }
}

bool begins_with(struct span text, const char *prefix) {
  size_t length = strlen(prefix);
  return text.length >= length && memcmp(text.at, prefix, length) == 0;
}

static bool is(struct span text, const char *other) {
  return text.length == strlen(other) && begins_with(text, other);
}

// Up to the next slash; `rest` is what comes after it, with no address if there was none.
static struct span first_part(struct span path, struct span *rest) {
  const unsigned char *slash = memchr(path.at, '/', path.length);
  struct span part = {path.at, slash == NULL ? path.length : (size_t)(slash - path.at)};
  *rest = slash == NULL ? (struct span){NULL, 0} : (struct span){slash + 1, path.length - part.length - 1};
  return part;
}

// Of the parts of the path, how many lead nowhere else: empty, "." and "..".
static void count_parts(struct span path, size_t *all, size_t *local) {
  *all = *local = 0;
  while (path.at != NULL) {
    struct span part = first_part(path, &path);
    *all += 1;
    *local += part.length == 0 || is(part, ".") || is(part, "..");
  }
}

static bool is_listed(struct span text) {
  for (size_t i = 0; i < LENGTH(LSM_FILES); i++)
    if (is(text, LSM_FILES[i]))
      return true;
  return false;
}

bool text_has_form(const struct value_rule *rule, struct span text) {
  size_t parts, local;
  switch (rule->form) {
  case FORM_PATH:
    count_parts(text, &parts, &local);
    return begins_with(text, "/") && local < parts;
  case FORM_PATH_OR_ROOT:
    return begins_with(text, "/");
  case FORM_FILLED:
    return text.length > 0;
  case FORM_OPTION:
    return text.length > 0 && !begins_with(text, "=");
  case FORM_VARIABLE:
    return !begins_with(text, "=") && memchr(text.at, '=', text.length) != NULL;
  case FORM_KEY:
    count_parts(text, &parts, &local);
    return local == 0;
  case FORM_KEYRING:
    return text.length > 0 && !begins_with(text, ".");
  case FORM_LSM_FILE:
    return is_listed(text);
  default:
    return true;
  }
}
