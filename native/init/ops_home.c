// HOME, from a file of the container: hostile, so it may be no file at all, or one without end.
#include "memory.h"
#include "path.h"

#define MAX_FILE (16u << 20)
#define MAX_LINE 2048
#define NAME "HOME="
#define NAME_LENGTH (sizeof NAME - 1)

struct line {
  char text[MAX_LINE];
  size_t length;
  bool too_long; // such a line is none of an account
};

// Cuts the next field, which ends at a colon, off the line.
static const char *next_field(char **line) {
  char *field = *line, *end = strchr(field, ':');
  if (end == NULL) {
    *line = field + strlen(field);
  } else {
    *end = 0;
    *line = end + 1;
  }
  return field;
}

static bool is_number(const char *text, uint32_t number) {
  uint64_t value = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
    value = value * 10 + (uint64_t)(*at - '0');
  return at != text && *at == 0 && value == number;
}

// name:password:uid:gid:comment:home:shell. True if the line is that of `uid`, and gives a home that fits.
static bool take_home(struct init *init, char *line, uint32_t uid) {
  next_field(&line);
  next_field(&line);
  if (!is_number(next_field(&line), uid))
    return false;
  next_field(&line);
  next_field(&line);
  const char *home = next_field(&line);
  size_t length = strlen(home);
  if (length == 0 || length >= MAX_HOME)
    return false;
  memcpy(init->home + NAME_LENGTH, home, length + 1);
  return true;
}

// Adds what was read to the line; true if a line ended with it and was the one.
static bool add_byte(struct init *init, struct line *line, char byte, uint32_t uid) {
  if (byte != '\n') {
    line->too_long = line->too_long || line->length == MAX_LINE - 1;
    if (!line->too_long)
      line->text[line->length++] = byte;
    return false;
  }
  bool is_whole = !line->too_long;
  line->text[line->length] = 0;
  line->length = 0;
  line->too_long = false;
  return is_whole && take_home(init, line->text, uid);
}

static bool search_accounts(struct init *init, int fd, uint32_t uid) {
  struct line line = {.length = 0};
  char bytes[4096];
  for (size_t total = 0; total < MAX_FILE;) {
    long got = sys_read(fd, bytes, sizeof bytes);
    if (got <= 0)
      return add_byte(init, &line, '\n', uid);
    for (long i = 0; i < got; i++)
      if (add_byte(init, &line, bytes[i], uid))
        return true;
    total += (size_t)got;
  }
  return false;
}

void run_home_env(struct init *init, struct home_env_op *args) {
  uint32_t ids[3];
  must(&init->report, "getresuid", sys_getresuid(ids), "");
  memcpy(init->home, NAME "/", sizeof NAME "/");
  int fd = sys_openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  if (fd < 0)
    return;
  struct statx found = stat_of(init, fd, "/etc/passwd");
  if ((found.stx_mode & S_IFMT) == S_IFREG)
    search_accounts(init, fd, ids[0]);
  sys_close(fd);
}
