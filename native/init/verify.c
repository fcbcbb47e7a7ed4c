// Checks a plan by the rules that lib/plan/verify.ts checks it by, before the first op is run.
#include "plan.h"
#include "values.h"

#define HAS(set, name) (((set)&IS(name)) != 0)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

struct slot {
  uint32_t type; // of a namespace
  unsigned char kind;
  bool used;
};

// The arguments of one op, where they lie: a number, a text, or how many entries a list has.
struct arguments {
  uint64_t number[OP_MAX_ARGS];
  struct span text[OP_MAX_ARGS];
};

// How far the walk through a plan has come.
struct check {
  struct cbor in;
  struct slot *slots;
  uint32_t slot_count, preserved;
  uint32_t cloned, made,
      entered; // namespaces of the first clone, with those of unshare, and with those joined
  uint64_t handled_files, handled_ports, scope; // by the ruleset of Landlock
  op_set seen;
  enum op_code last;
  unsigned int phase;
};

static const char *check_order(const struct check *check, enum op_code code) {
  op_set op = (op_set)1 << code;
  if (HAS(check->seen, EXECVE))
    return "comes after execve";
  if ((check->seen & op & ~REPEATABLE) != 0)
    return "comes twice";
  for (size_t i = 0; i < LENGTH(DEMANDS); i++)
    if (DEMANDS[i].of == code && (DEMANDS[i].any & check->seen) == 0)
      return DEMANDS[i].reason;
  for (size_t i = 0; i < LENGTH(NEVER_AFTER); i++)
    if (NEVER_AFTER[i].of == code && (NEVER_AFTER[i].any & check->seen) != 0)
      return NEVER_AFTER[i].reason;
  return NULL;
}

// On to the first phase that allows the op, never back.
static const char *check_phase(struct check *check, enum op_code code) {
  unsigned int phases = OP_RULES[code].phases;
  bool switched = (check->seen & ROOT_SWITCHES) != 0;
  while ((phases >> check->phase & 1u) == 0)
    if (phases >> check->phase++ == 0)
      return "belongs to an earlier phase";
  if (check->phase > PHASE_PIVOT && !switched)
    return "needs a switched root before it";
  return check->phase == PHASE_PIVOT && switched ? "switches the root once more" : NULL;
}

static const char *check_slot(struct check *check, enum op_code code, uint64_t number) {
  if (number >= check->slot_count)
    return "has a slot that is not there";
  struct slot *slot = &check->slots[number];
  if ((SLOT_KINDS[code] >> slot->kind & 1u) == 0)
    return "has a slot of another kind";
  if (slot->used)
    return "has a slot that an earlier op consumed";
  slot->used = true;
  return NULL;
}

static const char *check_setns(const struct check *check, const struct arguments *args) {
  const struct slot *slot = &check->slots[args->number[0]];
  return slot->kind == SLOT_NAMESPACE && slot->type != args->number[1]
             ? "has a type that is not that of its slot"
             : NULL;
}

static uint32_t sysctl_namespace(struct span key) {
  for (size_t i = 0; i < LENGTH(SYSCTL_NAMESPACES); i++)
    if (begins_with(key, SYSCTL_NAMESPACES[i].prefix))
      return SYSCTL_NAMESPACES[i].type;
  return RULE_SYSCTL_NAMESPACE;
}

// An op must not change a namespace of the host.
static const char *check_namespace(const struct check *check, enum op_code code,
                                   const struct arguments *args) {
  uint32_t needed = NAMESPACES_NEEDED[code];
  if (code == OP_SYSCTL)
    needed = sysctl_namespace(args->text[0]);
  if (code == OP_CONSOLE && args->number[3] == 1)
    needed = NS_NEWNS;
  return (check->entered & needed) == needed ? NULL : "would change a namespace of the host";
}

static const char *check_capabilities(const uint64_t *sets) {
  uint64_t effective = sets[0], permitted = sets[1], inheritable = sets[2], ambient = sets[3];
  if ((effective & ~permitted) != 0)
    return "has effective capabilities that are not permitted";
  return (ambient & ~(permitted & inheritable)) != 0 ? "has ambient capabilities that are not inherited"
                                                     : NULL;
}

// Without no_new_privs a filter needs CAP_SYS_ADMIN; with a listener it comes before `created`, else last.
static const char *check_seccomp(op_set seen, uint64_t flags) {
  bool listens = (flags & RULE_NEW_LISTENER) != 0;
  if (listens && HAS(seen, CREATED))
    return "is a filter with a listener after created";
  if (!HAS(seen, CAPABILITIES))
    return NULL;
  if (!HAS(seen, NO_NEW_PRIVS))
    return "needs no_new_privs before it";
  return listens || HAS(seen, CLOSE_FROM) ? NULL : "needs close_from before it";
}

static const char *check_handled(uint64_t handled, uint64_t access) {
  return (access & ~handled) == 0 ? NULL : "allows what the ruleset does not handle";
}

// What its arguments must be to each other, or to what came before, and what it enters.
static const char *check_meaning(struct check *check, enum op_code code, const struct arguments *args) {
  switch ((unsigned int)code) {
  case OP_CGROUP_JOIN:
    return (check->entered & NS_NEWCGROUP) != 0 ? "comes after the cgroup namespace" : NULL;
  case OP_UNSHARE:
    if ((args->number[0] & RULE_MAPPED) != 0 && HAS(check->seen, MAP))
      return "makes after map what is mapped there";
    check->made |= (uint32_t)args->number[0];
    check->entered |= (uint32_t)args->number[0];
    return NULL;
  case OP_SETNS:
    check->entered |= (uint32_t)args->number[1];
    return check_setns(check, args);
  case OP_ROOT_OVER:
    // In a mount of the container's own those of the host are out of reach.
    check->entered |= NS_NEWNS;
    return NULL;
  case OP_CAPABILITIES:
    return check_capabilities(args->number);
  case OP_SECCOMP:
    return check_seccomp(check->seen, args->number[1]);
  case OP_HOST_ROOT:
    return check->entered == 0 ? NULL : "is the root of the host for a process in a namespace of its own";
  case OP_LANDLOCK:
    check->scope = args->number[2];
    check->handled_files = args->number[0];
    check->handled_ports = args->number[1];
    return NULL;
  case OP_LANDLOCK_BENEATH:
    return check_handled(check->handled_files, args->number[0]);
  case OP_LANDLOCK_PORTS:
    return check_handled(check->handled_ports, args->number[0]);
  case OP_CLOSE_FROM:
    return args->number[0] == 3 + check->preserved ? NULL : "does not leave the preserved descriptors alone";
  default:
    return NULL;
  }
}

static const char *read_number(struct check *check, bool is_wide, uint64_t *number) {
  if (!cbor_head(&check->in, CBOR_UNSIGNED, number))
    return "has something else where a number must be";
  return !is_wide && *number > UINT32_MAX ? "has a number of more than 32 bits" : NULL;
}

static const char *read_text(struct check *check, struct span *text) {
  unsigned char *at;
  uint64_t length;
  if (!cbor_text(&check->in, &at, &length))
    return "has something else where a text without NUL must be";
  *text = (struct span){at, (size_t)length};
  return NULL;
}

static const char *read_list(struct check *check, bool of_texts, const struct value_rule *rule) {
  uint64_t left, number = 0;
  struct span text = {NULL, 0};
  if (!cbor_head(&check->in, CBOR_ARRAY, &left))
    return "has something else where a list must be";
  if (rule->filled && left == 0)
    return FORM_FAULTS[FORM_FILLED];
  for (; left > 0; left--) {
    const char *reason = of_texts ? read_text(check, &text) : read_number(check, false, &number);
    if (reason != NULL)
      return reason;
    if (of_texts ? !text_has_form(rule, text) : !number_has_form(rule, number))
      return FORM_FAULTS[rule->form];
  }
  return NULL;
}

static const char *read_argument(struct check *check, enum op_code code, size_t i, struct arguments *args) {
  const struct value_rule *rule = &VALUE_RULES[code][i];
  enum arg_kind kind = (enum arg_kind)OP_RULES[code].kinds[i];
  const char *reason = NULL;
  switch (kind) {
  case ARG_U32:
  case ARG_U64:
  case ARG_SLOT:
    reason = read_number(check, kind == ARG_U64, &args->number[i]);
    if (reason == NULL && kind == ARG_SLOT)
      return check_slot(check, code, args->number[i]);
    return reason != NULL || number_has_form(rule, args->number[i]) ? reason : FORM_FAULTS[rule->form];
  case ARG_TEXT:
    reason = read_text(check, &args->text[i]);
    return reason != NULL || text_has_form(rule, args->text[i]) ? reason : FORM_FAULTS[rule->form];
  case ARG_TEXTS:
  case ARG_NUMBERS:
    return read_list(check, kind == ARG_TEXTS, rule);
  }
  return "has an argument of no kind";
}

static const char *check_op(struct check *check) {
  uint64_t items, number;
  if (!cbor_head(&check->in, CBOR_ARRAY, &items) || items == 0 ||
      !cbor_head(&check->in, CBOR_UNSIGNED, &number))
    return "is no array with an op code";
  if (number >= OP_COUNT)
    return "has an unknown code";
  enum op_code code = (enum op_code)number;
  if (items - 1 != OP_RULES[code].count)
    return "has too few or too many arguments";
  struct arguments args;
  const char *reason = check_order(check, code);
  if (reason == NULL)
    reason = check_phase(check, code);
  for (size_t i = 0; i < OP_RULES[code].count && reason == NULL; i++)
    reason = read_argument(check, code, i, &args);
  if (reason == NULL)
    reason = check_namespace(check, code, &args);
  if (reason == NULL)
    reason = check_meaning(check, code, &args);
  check->seen |= (op_set)1 << code;
  check->last = code;
  return reason;
}

static const char *read_slot(struct check *check, struct slot *slot) {
  uint64_t items, kind, type;
  if (!cbor_head(&check->in, CBOR_ARRAY, &items) || items != 2 ||
      !cbor_head(&check->in, CBOR_UNSIGNED, &kind) || !cbor_head(&check->in, CBOR_UNSIGNED, &type))
    return "the plan has a slot that is no kind and type";
  if (kind >= SLOT_KIND_COUNT || type > UINT32_MAX)
    return "the plan has a slot of an unknown kind";
  *slot = (struct slot){(uint32_t)type, (unsigned char)kind, false};
  return NULL;
}

static const char *check_slots(struct check *check) {
  uint64_t count;
  if (!cbor_head(&check->in, CBOR_ARRAY, &count) || count > PLAN_MAX_SLOTS)
    return "the plan has too many slots";
  const char *reason = NULL;
  for (; check->slot_count < count && reason == NULL; check->slot_count++)
    reason = read_slot(check, &check->slots[check->slot_count]);
  return reason;
}

static const char *check_header(struct check *check, uint64_t *count) {
  uint64_t items, version, flags, preserved;
  if (!cbor_head(&check->in, CBOR_ARRAY, &items) || items == 0 ||
      !cbor_head(&check->in, CBOR_UNSIGNED, &version))
    return "the plan is no array with a version";
  if (version != PLAN_VERSION || items != 5)
    return "the plan is of another version";
  if (!cbor_head(&check->in, CBOR_UNSIGNED, &flags) ||
      (flags & ~(uint64_t)(RULE_NAMESPACES & ~RULE_BY_UNSHARE)) != 0)
    return "the plan has clone flags that are not namespaces, or made by unshare";
  if (!cbor_head(&check->in, CBOR_UNSIGNED, &preserved) || preserved > RULE_MOST_PRESERVED_FDS)
    return "the plan preserves too many descriptors";
  check->cloned = check->made = check->entered = (uint32_t)flags;
  check->preserved = (uint32_t)preserved;
  const char *reason = check_slots(check);
  if (reason == NULL && (!cbor_head(&check->in, CBOR_ARRAY, count) || *count == 0 || *count > UINT32_MAX))
    return "the plan has no list of ops";
  return reason;
}

// A process is in a pid namespace that it joins or makes, and in a time namespace that it makes, from its
// next child on. The kernel refuses that child to the first process of a pid namespace.
static const char *check_child(const struct check *check) {
  uint32_t by_child = (check->entered & ~check->cloned & NS_NEWPID) | (check->made & NS_NEWTIME);
  if (by_child != 0 && !HAS(check->seen, CLONE))
    return "the plan does not enter its pid or time namespace";
  if ((check->cloned & NS_NEWPID) != 0 && HAS(check->seen, CLONE))
    return "the plan replaces the first process of a pid namespace";
  return NULL;
}

static const char *check_user_namespace(const struct check *check) {
  if ((check->entered & NS_NEWUSER) == 0)
    return NULL;
  if (!HAS(check->seen, BECOME_ROOT))
    return "the plan has a user namespace without a root";
  if ((check->made & NS_NEWUSER) != 0 && !HAS(check->seen, MAP))
    return "the plan has a user namespace without mappings";
  return NULL;
}

// In the root of the host it is Landlock that keeps a program from its files and processes, all of it.
static bool is_confined(const struct check *check) {
  return HAS(check->seen, GUARD) && check->handled_files == VALUE_RULES[OP_LANDLOCK][0].limit &&
         check->scope == VALUE_RULES[OP_LANDLOCK][2].limit;
}

static const char *check_end(const struct check *check) {
  // Without a process to run, a container waits for a start that never comes.
  bool no_program = check->last == OP_AWAIT_START && !HAS(check->seen, RESOLVE_EXEC);
  // Who only makes sockets in a container executes nothing.
  bool only_sockets = check->last == OP_SOCKETS && !HAS(check->seen, CREATED);
  if (check->last != OP_EXECVE && !no_program && !only_sockets)
    return "the plan does not end with execve";
  if (HAS(check->seen, CREATED) && !HAS(check->seen, AWAIT_START))
    return "the plan does not wait for start";
  if (HAS(check->seen, LANDLOCK) && !HAS(check->seen, LANDLOCK_RESTRICT))
    return "the plan has a ruleset that restricts nobody";
  if (HAS(check->seen, HOST_ROOT) && HAS(check->seen, EXECVE) && !is_confined(check))
    return "the plan leaves the files of the host to a program";
  if (check->in.at != check->in.end)
    return "the plan has bytes after its end";
  for (uint32_t slot = 0; slot < check->slot_count; slot++)
    if (!check->slots[slot].used)
      return "the plan has a slot that no op consumes";
  const char *reason = check_user_namespace(check);
  return reason == NULL ? check_child(check) : reason;
}

bool plan_verify(unsigned char *bytes, size_t size, struct plan *plan, struct refusal *refusal) {
  // Too much for a small stack; only what is read has been written.
  static struct slot slots[PLAN_MAX_SLOTS];
  struct check check = {.in = {bytes, bytes + size}, .slots = slots};
  uint64_t count = 0;
  *refusal = (struct refusal){0, check_header(&check, &count)};
  plan->in = check.in;
  for (uint64_t i = 0; i < count && refusal->reason == NULL; i++) {
    refusal->op = (uint32_t)i;
    refusal->reason = check_op(&check);
  }
  if (refusal->reason == NULL)
    refusal->reason = check_end(&check);
  plan->count = (uint32_t)count;
  plan->slot_count = check.slot_count;
  plan->cloned = check.cloned;
  plan->ops = check.seen;
  return refusal->reason == NULL;
}
