// The state of tsrun-layer. Descriptors are -1 when they are not open.
#ifndef TSRUN_LAYER_H
#define TSRUN_LAYER_H

#include "calls.h"
#include "order.h"

enum { ORDERS = 0, TARGET = 1, ANSWERS = 2 }; // the descriptors that it is given

struct input {
  size_t at, end;
  // The largest order but its data, twice, so that what is left of it is seldom moved.
  char bytes[160 * 1024];
};

struct layer {
  bool reads;         // what is there is told, and nothing is written
  bool owners;        // files get those of the orders
  bool devices;       // block and character devices may be made
  const char *opaque; // the attribute that makes a directory hide what is below it
  struct head head;   // of the order that is carried out
  char first[MAX_PATH + 1];
  char second[MAX_PATH + 1]; // the target of a link
  int current;               // the file or directory that orders are about
  struct head about;         // its order
  char current_path[MAX_PATH + 1];
  bool has_hole; // it may end with one
  int parent;    // the directory of the order before, and its path
  size_t parent_length;
  char parent_path[MAX_PATH + 1];
  struct input input;
};

// answer.c: what the runtime is told. `error` is a negative errno.
void answer(enum order_code code, uint8_t kind, const char *call, long error, const char *path);
_Noreturn void fail(const struct layer *layer, const char *call, long error);
_Noreturn void refuse(const struct layer *layer, const char *why);
int must(const struct layer *layer, const char *call, long result);
enum { ANSWER_MAPPED = 1, ANSWER_DONE, ANSWER_FAILED, ANSWER_REFUSED };

// input.c
void read_head(struct layer *layer);
// The second text of the order: it stays where it is until the next call.
const char *second_text(const struct layer *layer);
void skip_texts(struct layer *layer);
// All of the data of an order goes to the file.
void pour_data(struct layer *layer);

// place.c: below the target, and by no link. A parent that is missing is made.
int open_parent(struct layer *layer, const char **name);
void forget_parent(struct layer *layer);
int open_beneath_target(const char *path, uint64_t flags);
int open_beneath_directory(int dir, const char *path, uint64_t flags);
// The directory of that name, made unless it is there; what is no directory gives way.
int enter(struct layer *layer, int dir, const char *name, bool replace);
void mark_opaque(struct layer *layer, int fd);
bool is_link(int dir, const char *name);
bool is_whiteout(const struct layer *layer, int dir, const char *name);

// remove.c: whatever is there is gone.
void clear_away(struct layer *layer, int dir, const char *name);
void clear_target(struct layer *layer);

// privilege.c
void enter_user_namespace(const struct layer *layer);
void drop_privileges(const struct layer *layer, bool trusted);

void carry_out(struct layer *layer);

// read.c: what is at the path of the order.
void tell_entry(struct layer *layer);
// What has been said and not been sent yet.
void send_records(void);

#endif
