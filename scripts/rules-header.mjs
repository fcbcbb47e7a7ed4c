// The text of native/init/rules.h: what a plan must keep to, from lib/plan/rules.ts and lib/plan/values.ts.

const code = name => `OP_${name.toUpperCase()}`
const set = names => (names.length === 0 ? '0' : names.map(name => `IS(${name.toUpperCase()})`).join(' | '))
const hex = number => `0x${number.toString(16)}u`
const list = entries => entries.map(entry => `    ${entry},`).join('\n')
const texts = entries => entries.map(entry => JSON.stringify(entry)).join(', ')

function demands({ REQUIRES }) {
  const of = ([name, all]) =>
    all.map(needed => {
      const any = typeof needed === 'string' ? [needed] : needed
      return `{${code(name)}, ${set(any)}, "needs ${any.join(' or ')} before it"}`
    })
  return list(Object.entries(REQUIRES).flatMap(of))
}

// A line for each op.
function late({ NEVER_AFTER }) {
  const rows = new Map(NEVER_AFTER.map(([first]) => [first, []]))
  for (const [first, second] of NEVER_AFTER)
    rows.get(first).push(`{${code(first)}, IS(${second.toUpperCase()}), "may not come after ${second}"}`)
  return list([...rows.values()].map(row => row.join(', ')))
}

function slotKinds({ SLOT_KINDS }) {
  const kinds = names => names.map(name => `1u << SLOT_${name.toUpperCase()}`).join(' | ')
  return list(Object.entries(SLOT_KINDS).map(([name, names]) => `[${code(name)}] = ${kinds(names)}`))
}

function valueRules({ OP_ARGS, valueRule }) {
  const rule = (op, argument) => {
    const { form, limit = 0n, filled = false } = valueRule(op, argument)
    return `{FORM_${form.toUpperCase()}, ${Number(filled)}, ${limit}u}`
  }
  const withArguments = [...OP_ARGS].filter(([, args]) => args.length > 0)
  return list(withArguments.map(([op, args]) => `[${code(op)}] = {${args.map(([name]) => rule(op, name)).join(', ')}}`))
}

const namespaces = ({ NAMESPACES_NEEDED }) =>
  list(Object.entries(NAMESPACES_NEEDED).map(([name, flags]) => `[${code(name)}] = ${hex(flags)}`))

function definitions(tables) {
  const numbers = [
    'BY_UNSHARE',
    'MAPPED',
    'SYSCTL_NAMESPACE',
    'NAMESPACES',
    'PROPAGATION_DEPTH',
    'FILE_TYPE_BITS',
    'NO_ID',
  ]
  const flags = Object.entries(tables.CLONE).map(([name, flag]) => `#define NS_${name} ${hex(flag)}`)
  return [
    ...numbers.map(name => `#define RULE_${name} ${hex(tables[name])}`),
    `#define RULE_MOST_PRESERVED_FDS ${tables.MOST_PRESERVED_FDS}u`,
    `#define RULE_MOST_SLOTS ${tables.MOST_SLOTS}`,
    `#define RULE_NEW_LISTENER ${hex(tables.SECCOMP_FILTER_FLAG.NEW_LISTENER)}`,
    ...flags,
  ].join('\n')
}

export function rulesHeader(tables) {
  const { SLOT_KIND_NAMES, FORMS, REPEATABLE, ROOT_SWITCHES, SYSCTL_NAMESPACES, LSM_FILES } = tables
  return `/* Generated from rules.ts and values.ts in lib/plan: change these and run \`npm run generate\`. */
/* clang-format off */
#ifndef TSRUN_RULES_H
#define TSRUN_RULES_H

#include "ops.h"

#define IS(name) ((op_set)1 << OP_##name)

/* Bit n: the op of code n. */
typedef unsigned __int128 op_set;

_Static_assert(OP_COUNT <= 128, "a set of ops has 128 bits");

${definitions(tables)}

enum slot_kind {
${SLOT_KIND_NAMES.map((name, index) => `  SLOT_${name.toUpperCase()} = ${index},`).join('\n')}
};
#define SLOT_KIND_COUNT ${SLOT_KIND_NAMES.length}

/* All other ops come once at most. */
static const op_set REPEATABLE = ${set([...REPEATABLE])};
static const op_set ROOT_SWITCHES = ${set(ROOT_SWITCHES)};

struct order_rule {
  enum op_code of;
  op_set any;
  const char *reason;
};

/* At least one of \`any\` comes before \`of\`. */
static const struct order_rule DEMANDS[] = {
${demands(tables)}
};

/* \`of\` does not come after any. */
static const struct order_rule NEVER_AFTER[] = {
${late(tables)}
};

/* The kinds of slot that an op takes. */
static const unsigned int SLOT_KINDS[OP_COUNT] = {
${slotKinds(tables)}
};

/* What the process must have left the host's for. */
static const uint32_t NAMESPACES_NEEDED[OP_COUNT] = {
${namespaces(tables)}
};

static const struct {
  const char *prefix;
  uint32_t type;
} SYSCTL_NAMESPACES[] = {
${list(SYSCTL_NAMESPACES.map(([prefix, type]) => `{"${prefix}", ${hex(type)}}`))}
};

static const uint32_t FILE_TYPES[] = {${tables.FILE_TYPES.map(hex).join(', ')}};
static const uint32_t PROPAGATIONS[] = {${tables.PROPAGATIONS.map(hex).join(', ')}};
static const char *const LSM_FILES[] = {${texts(LSM_FILES)}};

/* What a value is, beyond its kind. */
enum form {
${Object.keys(FORMS)
  .map(form => `  FORM_${form.toUpperCase()},`)
  .join('\n')}
};

/* Of what does not have the form. */
static const char *const FORM_FAULTS[] = {
${list(Object.entries(FORMS).map(([form, fault]) => `[FORM_${form.toUpperCase()}] = "has an argument that ${fault.replaceAll('"', '\\"')}"`))}
};

struct value_rule {
  unsigned char form, filled; /* in a list each entry has the form; \`filled\`: it has an entry */
  uint32_t limit;
};

static const struct value_rule VALUE_RULES[OP_COUNT][OP_MAX_ARGS] = {
${valueRules(tables)}
};

#endif
`
}
