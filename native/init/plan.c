#include "plan.h"

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
