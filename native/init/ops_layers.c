// MOUNT: a root that is an overlay of layers, made in the container's user namespace. They are attached to a
// stage first, a tmpfs over "/" of our own mount namespace: their names there are short and have nothing in
// them that an option of the overlay would have to escape.
#include "memory.h"
#include "mount.h"
#include "path.h"

#define MAX_NAME sizeof "lowerdir+=ffffffff"
#define MAX_LIST (sizeof "lowerdir=" + 255) // a value of fsconfig has 256 bytes, and the key is none of them

static size_t append_name(char *to, uint32_t number) {
  static const char DIGITS[] = "0123456789abcdef";
  size_t length = 0;
  char reversed[8];
  do
    reversed[length++] = DIGITS[number & 15];
  while ((number >>= 4) > 0);
  for (size_t i = 0; i < length; i++)
    to[i] = reversed[length - 1 - i];
  to[length] = 0;
  return length;
}

static void make_stage(struct init *init) {
  if (init->stage >= 0)
    return;
  init->stage = finish_fs(init, open_fs(init, "tmpfs"), 0, "tmpfs");
  make_host_private(init, MS_PRIVATE);
  must(&init->report, "move_mount", sys_move_mount(init->stage, AT_FDCWD, "/", 0), "/");
}

static void put_on_stage(const struct init *init, int tree, const char *name, const char *source) {
  must(&init->report, "mkdirat", sys_mkdirat(init->stage, name, 0700), source);
  must(&init->report, "move_mount", sys_move_mount(tree, init->stage, name, 0), source);
}

void run_layer(struct init *init, struct layer_op *args) {
  const char *source = args->source.text;
  char name[MAX_NAME];
  make_stage(init);
  int tree = copy_checked(init, args->slot.number, source, true);
  append_name(name, init->layer_count++);
  put_on_stage(init, tree, name, source);
  sys_close(tree);
}

// The root of the overlay is its upper directory: it gets the mode and owner that the topmost layer has.
static void make_upper(const struct init *init, const char *source) {
  char name[MAX_NAME];
  append_name(name, init->layer_count - 1);
  int made = sys_mkdirat(init->stage, "u/upper", 0700);
  if (made == -EEXIST)
    return;
  must(&init->report, "mkdirat", made, source);
  struct statx top;
  must(&init->report, "statx", sys_statx(init->stage, name, 0, &top), name);
  int upper =
      must(&init->report, "openat",
           sys_openat(init->stage, "u/upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), source);
  set_owner(init, upper, (struct owner){top.stx_uid, top.stx_gid}, source);
  must(&init->report, "fchmod", sys_fchmod(upper, top.stx_mode & 07777u), source);
  sys_close(upper);
}

// An overlay of a user namespace keeps what it has to know in attributes of this kind. Without them it can be
// mounted, and fails later.
static void make_work(const struct init *init, const char *source) {
  int made = sys_mkdirat(init->stage, "u/work", 0700);
  if (made != -EEXIST)
    must(&init->report, "mkdirat", made, source);
  int work =
      must(&init->report, "openat",
           sys_openat(init->stage, "u/work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), source);
  must(&init->report, "fsetxattr", sys_fsetxattr(work, "user.overlay.tried", "y", 1), source);
  sys_close(work);
}

static void set_layers(const struct init *init, int context, bool as_list) {
  char list[MAX_LIST] = "lowerdir=";
  size_t length = strlen(list);
  for (uint32_t left = init->layer_count; left > 0; left--) {
    char one[MAX_NAME] = "lowerdir+=";
    size_t size = append_name(one + strlen(one), left - 1);
    if (!as_list) {
      configure_fs(init, context, one);
      continue;
    }
    if (length + size + 2 >= MAX_LIST)
      fail(&init->report, "fsconfig", -E2BIG, "lowerdir");
    length += append_name(list + length, left - 1);
    if (left > 1)
      list[length++] = ':';
  }
  list[length] = 0;
  if (as_list)
    configure_fs(init, context, list);
}

static int make_overlay(const struct init *init, bool as_list) {
  char options[][sizeof "redirect_dir=nofollow"] = {"userxattr",      "upperdir=u/upper",
                                                    "workdir=u/work", "redirect_dir=nofollow",
                                                    "metacopy=off",   "index=off"};
  must(&init->report, "fchdir", sys_fchdir(init->stage), "/");
  int context = open_fs(init, "overlay");
  set_layers(init, context, as_list);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    configure_fs(init, context, options[i]);
  return finish_fs(init, context, 0, "overlay");
}

// The overlay has mounts of its own: the stage is in the way of the root then.
static void enter_overlay(struct init *init, int upper, bool as_list, const char *source) {
  put_on_stage(init, upper, "u", source);
  sys_close(upper);
  make_upper(init, source);
  make_work(init, source);
  int overlay = make_overlay(init, as_list);
  must(&init->report, "umount2", sys_umount(".", MOUNT_DETACH), "the stage");
  drop(&init->stage);
  enter_tree(init, overlay);
}

void run_root_layered(struct init *init, struct root_layered_op *args) {
  const char *source = args->source.text;
  int upper = copy_checked(init, args->slot.number, source, true);
  enter_overlay(init, upper, args->list.number != 0, source);
}

void run_root_in_memory(struct init *init, struct root_in_memory_op *args) {
  int to = take_slot(init, args->slot.number);
  int context = open_fs(init, "tmpfs");
  while (args->options.list.left > 0)
    configure_fs(init, context, next_text(&args->options));
  int upper = finish_fs(init, context, 0, "tmpfs");
  send_descriptor(init, to, upper, "upper");
  sys_close(to);
  enter_overlay(init, upper, args->list.number != 0, "tmpfs");
}
