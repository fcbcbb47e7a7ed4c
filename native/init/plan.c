#include "plan.h"

#define IS(name) (1ull << OP_##name)
#define ANY_PIVOT (IS(PIVOT_ROOT) | IS(MOVE_ROOT) | IS(CHROOT) | IS(JOIN_ROOT))
#define MOUNTED_ROOT (IS(ROOT) | IS(ROOT_CHECKED))
#define ANY_ROOT (MOUNTED_ROOT | IS(ROOT_DIR))

_Static_assert(OP_COUNT <= 64, "a set of ops is a 64-bit word");

// What must have come before an op of the set `of`: at least one of `any`.
struct demand {
  uint64_t of, any;
  const char *reason;
};

static const struct demand DEMANDS[] = {
    {IS(SETNS), IS(NOT_DUMPABLE), "needs not_dumpable before it"},
    {IS(ATTACH) | IS(ATTACH_CHECKED) | IS(MOUNT_FS) | IS(SET_ATTRIBUTES) | IS(RECONFIGURE), MOUNTED_ROOT,
     "needs root before it"},
    {IS(MKDIR) | IS(SYMLINK) | IS(MKNOD), ANY_ROOT, "needs root or root_dir before it"},
    {IS(PIVOT_ROOT) | IS(MOVE_ROOT), MOUNTED_ROOT, "needs root before it"},
    {IS(CHROOT), IS(ROOT_DIR), "needs root_dir before it"},
    {IS(CONSOLE) | IS(REOPEN_NULL) | IS(MASK_PATH) | IS(READONLY_PATH) | IS(ROOT_ATTR) | IS(SYSCTL),
     ANY_PIVOT, "needs a switched root before it"},
    {IS(LSM_LABEL) | IS(CHDIR) | IS(RESOLVE_EXEC), ANY_PIVOT, "needs a switched root before it"},
    {IS(CAPABILITIES), IS(BOUNDING_SET), "needs bounding_set before it"},
    {IS(CAPABILITIES), IS(GID), "needs gid before it"},
    {IS(CAPABILITIES), IS(UID), "needs uid before it"},
    {IS(AWAIT_START), IS(CREATED), "needs created before it"},
    {IS(EXECVE), ANY_PIVOT, "needs a switched root before it"},
    {IS(EXECVE), IS(GID), "needs gid before it"},
    {IS(EXECVE), IS(UID), "needs uid before it"},
    {IS(EXECVE), IS(BOUNDING_SET), "needs bounding_set before it"},
    {IS(EXECVE), IS(CAPABILITIES), "needs capabilities before it"},
    {IS(EXECVE), IS(RESOLVE_EXEC), "needs resolve_exec before it"},
    {IS(EXECVE), IS(CLOSE_FROM), "needs close_from before it"},
};

// Of each of these sets a plan has at most one op.
static const uint64_t ONCE[] = {
    IS(MAP),          IS(PREPARE),      IS(CREATED),     IS(CLONE),      ANY_ROOT,
    ANY_PIVOT,        IS(CONSOLE),      IS(GID),         IS(UID),        IS(BOUNDING_SET),
    IS(CAPABILITIES), IS(RESOLVE_EXEC), IS(AWAIT_START), IS(CLOSE_FROM), IS(EXECVE),
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

struct check {
  struct cbor in;
  uint64_t seen;       // ops
  uint32_t slot_count; // of which `used` were consumed
  unsigned char used[PLAN_MAX_SLOTS / 8];
  unsigned int phase;
};

static const char *check_order(struct check *check, enum op_code code) {
  uint64_t op = 1ull << code;
  unsigned int phases = OP_RULES[code].phases;
  for (size_t i = 0; i < LENGTH(ONCE); i++)
    if ((ONCE[i] & op) != 0 && (ONCE[i] & check->seen) != 0)
      return "is the second of its kind";
  for (size_t i = 0; i < LENGTH(DEMANDS); i++)
    if ((DEMANDS[i].of & op) != 0 && (DEMANDS[i].any & check->seen) == 0)
      return DEMANDS[i].reason;
  // On to the first phase that allows the op, never back.
  while ((phases >> check->phase & 1u) == 0)
    if (phases >> check->phase++ == 0)
      return "belongs to an earlier phase";
  check->seen |= op;
  return NULL;
}

static const char *check_slot(struct check *check, uint64_t slot) {
  if (slot >= check->slot_count)
    return "has a slot that is not there";
  unsigned char bit = (unsigned char)(1u << slot % 8);
  if ((check->used[slot / 8] & bit) != 0)
    return "has a slot that an earlier op consumed";
  check->used[slot / 8] |= bit;
  return NULL;
}

static const char *check_number(struct check *check, enum arg_kind kind) {
  uint64_t number;
  if (!cbor_head(&check->in, CBOR_UNSIGNED, &number))
    return "has something else where a number must be";
  if (kind != ARG_U64 && number > UINT32_MAX)
    return "has a number of more than 32 bits";
  return kind == ARG_SLOT ? check_slot(check, number) : NULL;
}

static const char *check_text(struct check *check) {
  unsigned char *text;
  uint64_t length;
  return cbor_text(&check->in, &text, &length) ? NULL : "has something else where a text without NUL must be";
}

static const char *check_list(struct check *check, bool texts) {
  uint64_t left;
  if (!cbor_head(&check->in, CBOR_ARRAY, &left))
    return "has something else where a list must be";
  const char *reason = NULL;
  for (; left > 0 && reason == NULL; left--)
    reason = texts ? check_text(check) : check_number(check, ARG_U32);
  return reason;
}

static const char *check_argument(struct check *check, enum arg_kind kind) {
  switch (kind) {
  case ARG_U32:
  case ARG_U64:
  case ARG_SLOT:
    return check_number(check, kind);
  case ARG_TEXT:
    return check_text(check);
  case ARG_TEXTS:
  case ARG_NUMBERS:
    return check_list(check, kind == ARG_TEXTS);
  }
  return "has an argument of no kind";
}

static const char *check_op(struct check *check) {
  uint64_t items, code;
  if (!cbor_head(&check->in, CBOR_ARRAY, &items) || items == 0 ||
      !cbor_head(&check->in, CBOR_UNSIGNED, &code))
    return "is no array with an op code";
  if (code >= OP_COUNT)
    return "has an unknown code";
  const struct op_rule *rule = &OP_RULES[code];
  if (items - 1 != rule->count)
    return "has too few or too many arguments";
  const char *reason = check_order(check, (enum op_code)code);
  for (size_t i = 0; i < rule->count && reason == NULL; i++)
    reason = check_argument(check, rule->kinds[i]);
  return reason;
}

static const char *check_header(struct check *check, uint64_t *count) {
  uint64_t items, version, slots;
  if (!cbor_head(&check->in, CBOR_ARRAY, &items) || items != 3)
    return "the plan is no array of three";
  if (!cbor_head(&check->in, CBOR_UNSIGNED, &version) || version != PLAN_VERSION)
    return "the plan is of another version";
  if (!cbor_head(&check->in, CBOR_UNSIGNED, &slots) || slots > PLAN_MAX_SLOTS)
    return "the plan has too many slots";
  check->slot_count = (uint32_t)slots;
  if (!cbor_head(&check->in, CBOR_ARRAY, count) || *count == 0 || *count > UINT32_MAX)
    return "the plan has no list of ops";
  return NULL;
}

static const char *check_end(const struct check *check) {
  // Without a process to run, a container waits for a start that never comes.
  if ((check->seen & (IS(EXECVE) | IS(AWAIT_START))) == 0)
    return "the plan does not end with execve";
  if (check->in.at != check->in.end)
    return "the plan has bytes after its end";
  for (uint32_t slot = 0; slot < check->slot_count; slot++)
    if ((check->used[slot / 8] >> slot % 8 & 1u) == 0)
      return "the plan has a slot that no op consumes";
  return NULL;
}

bool plan_verify(unsigned char *bytes, size_t size, struct plan *plan, struct refusal *refusal) {
  struct check check = {.in = {bytes, bytes + size}};
  uint64_t count = 0;
  *refusal = (struct refusal){0, check_header(&check, &count)};
  plan->in = check.in;
  for (uint64_t i = 0; i < count && refusal->reason == NULL; i++) {
    refusal->op = (uint32_t)i;
    refusal->reason = (check.seen & IS(EXECVE)) != 0 ? "comes after execve" : check_op(&check);
  }
  if (refusal->reason == NULL)
    refusal->reason = check_end(&check);
  plan->count = (uint32_t)count;
  plan->slot_count = check.slot_count;
  plan->ops = check.seen;
  return refusal->reason == NULL;
}

static struct value take_list(struct cbor *in, bool texts) {
  struct value value = {.list = {NULL, in->end, 0}};
  cbor_head(in, CBOR_ARRAY, &value.list.left);
  value.list.at = in->at;
  for (uint64_t left = value.list.left; left > 0; left--) {
    unsigned char *text;
    uint64_t ignored;
    if (texts)
      cbor_text(in, &text, &ignored);
    else
      cbor_head(in, CBOR_UNSIGNED, &ignored);
  }
  return value;
}

static struct value take_argument(struct cbor *in, enum arg_kind kind) {
  struct value value = {.number = 0};
  switch (kind) {
  case ARG_U32:
  case ARG_U64:
  case ARG_SLOT:
    cbor_head(in, CBOR_UNSIGNED, &value.number);
    break;
  case ARG_TEXT:
    cbor_take_text(in, &value.text);
    break;
  case ARG_TEXTS:
  case ARG_NUMBERS:
    value = take_list(in, kind == ARG_TEXTS);
    break;
  }
  return value;
}

enum op_code plan_next(struct plan *plan, union args *args) {
  uint64_t items, code = 0;
  cbor_head(&plan->in, CBOR_ARRAY, &items);
  cbor_head(&plan->in, CBOR_UNSIGNED, &code);
  const struct op_rule *rule = &OP_RULES[code];
  for (size_t i = 0; i < rule->count; i++)
    args->all[i] = take_argument(&plan->in, rule->kinds[i]);
  return (enum op_code)code;
}

static struct cbor *list_reader(struct cbor *in, const struct value *list) {
  *in = (struct cbor){list->list.at, list->list.end};
  return in;
}

char *next_text(struct value *list) {
  struct cbor in;
  char *text = NULL;
  cbor_take_text(list_reader(&in, list), &text);
  list->list.at = in.at;
  list->list.left--;
  return text;
}

uint32_t next_number(struct value *list) {
  struct cbor in;
  uint64_t number = 0;
  cbor_head(list_reader(&in, list), CBOR_UNSIGNED, &number);
  list->list.at = in.at;
  list->list.left--;
  return (uint32_t)number;
}
