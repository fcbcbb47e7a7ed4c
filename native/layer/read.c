// What a tree has, entry by entry, for packing it: a record of 64 bytes, then two texts. A file or directory
// is ENTRY, its ATTRIBUTEs, its content (CONTENT and as many bytes as the file has; or NAMEs), and END.
#include "layer.h"

#include "../init/memory.h"

#define MAX_LIST 65536
#define PAGE 65536

enum record_kind { RECORD_ENTRY = 16, RECORD_ATTRIBUTE, RECORD_NAME, RECORD_CONTENT, RECORD_END };

struct record {
  uint8_t kind, zero;
  uint16_t first;
  uint32_t second;
  uint32_t mode, uid, gid;
  uint32_t device_major, device_minor;
  uint32_t links;
  uint64_t size; // of END: how many bytes the file has lost since
  int64_t seconds;
  uint64_t inode;
  uint32_t nanoseconds;
  uint32_t also_zero;
};

static struct {
  size_t end;
  char bytes[PAGE];
} out;

static void send_all(const char *from, size_t size) {
  while (size > 0) {
    long written = sys_write(ANSWERS, from, size);
    if (written == -EINTR)
      continue;
    // Nobody reads any more.
    if (written < 0)
      sys_exit(1);
    from += written;
    size -= (size_t)written;
  }
}

void send_records(void) {
  send_all(out.bytes, out.end);
  out.end = 0;
}

static void put(const void *from, size_t size) {
  if (out.end + size > sizeof out.bytes)
    send_records();
  if (size > sizeof out.bytes) {
    send_all(from, size);
    return;
  }
  memcpy(out.bytes + out.end, from, size);
  out.end += size;
}

static void put_record(struct record record, const char *first, size_t first_length, const char *second,
                       size_t second_length) {
  record.first = (uint16_t)first_length;
  record.second = (uint32_t)second_length;
  put(&record, sizeof record);
  put(first, first_length);
  put(second, second_length);
}

static void tell_attributes(struct layer *layer, int fd) {
  static char names[MAX_LIST], value[MAX_VALUE];
  long size = sys_flistxattr(fd, names, sizeof names);
  if (size == -EOPNOTSUPP)
    return;
  must(layer, "flistxattr", size);
  for (const char *name = names; name < names + size; name += strlen(name) + 1) {
    long length = sys_fgetxattr(fd, name, value, sizeof value);
    // Removed meanwhile, or not for us to see.
    if (length == -ENODATA || length == -EOPNOTSUPP)
      continue;
    must(layer, "fgetxattr", length);
    put_record((struct record){.kind = RECORD_ATTRIBUTE}, name, strlen(name), value, (size_t)length);
  }
}

static void tell_names(struct layer *layer, int fd) {
  static _Alignas(struct entry) char entries[32768];
  for (;;) {
    int size = must(layer, "getdents64", sys_getdents(fd, entries, sizeof entries));
    if (size == 0)
      return;
    for (int at = 0; at < size;) {
      const struct entry *entry = (const struct entry *)(const void *)(entries + at);
      if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
        put_record((struct record){.kind = RECORD_NAME}, entry->name, strlen(entry->name), "", 0);
      at += entry->length;
    }
  }
}

static void put_zeros(uint64_t size) {
  static const char zeros[4096];
  for (; size > sizeof zeros; size -= sizeof zeros)
    put(zeros, sizeof zeros);
  put(zeros, (size_t)size);
}

// As many bytes as were announced, whatever becomes of the file. Returns how many it has not got any more.
static uint64_t tell_content(int fd, uint64_t size) {
  put_record((struct record){.kind = RECORD_CONTENT, .size = size}, "", 0, "", 0);
  send_records();
  while (size > 0) {
    long moved = sys_splice(fd, ANSWERS, size < 1u << 20 ? (size_t)size : 1u << 20);
    if (moved == -EINVAL) {
      moved = sys_read(fd, out.bytes, size < sizeof out.bytes ? (size_t)size : sizeof out.bytes);
      if (moved > 0)
        send_all(out.bytes, (size_t)moved);
    }
    if (moved == -EINTR)
      continue;
    // It has become shorter, or can't be read.
    if (moved <= 0)
      break;
    size -= (uint64_t)moved;
  }
  put_zeros(size);
  return size;
}

static struct record record_of(const struct statx *found) {
  return (struct record){
      .kind = RECORD_ENTRY,
      .mode = found->stx_mode,
      .uid = found->stx_uid,
      .gid = found->stx_gid,
      .device_major = found->stx_rdev_major,
      .device_minor = found->stx_rdev_minor,
      .links = found->stx_nlink,
      .size = found->stx_size,
      .seconds = found->stx_mtime.tv_sec,
      .inode = found->stx_ino,
      .nanoseconds = found->stx_mtime.tv_nsec,
  };
}

// What is opened is not what was looked at, if somebody puts something else there: it must be of its kind.
static int open_to_read(struct layer *layer, struct statx *found) {
  uint32_t type = found->stx_mode & S_IFMT;
  if (type != S_IFREG && type != S_IFDIR)
    return -1;
  int fd = must(layer, "openat2", open_beneath_target(layer->first, O_RDONLY | O_NONBLOCK));
  must(layer, "statx", sys_statx(fd, "", AT_EMPTY_PATH, found));
  if ((found->stx_mode & S_IFMT) != type)
    fail(layer, "openat2", -ESTALE);
  return fd;
}

void tell_entry(struct layer *layer) {
  static char target[MAX_PATH + 1];
  struct statx found;
  uint64_t lost = 0;
  long length = 0;
  int node = must(layer, "openat2", open_beneath_target(layer->first, O_PATH));
  must(layer, "statx", sys_statx(node, "", AT_EMPTY_PATH, &found));
  if ((found.stx_mode & S_IFMT) == S_IFLNK)
    length = must(layer, "readlinkat", sys_readlinkat(node, "", target, sizeof target));
  int fd = open_to_read(layer, &found);
  put_record(record_of(&found), "", 0, target, (size_t)length);
  if (fd >= 0)
    tell_attributes(layer, fd);
  if (fd >= 0 && (found.stx_mode & S_IFMT) == S_IFDIR)
    tell_names(layer, fd);
  else if (fd >= 0)
    lost = tell_content(fd, found.stx_size);
  put_record((struct record){.kind = RECORD_END, .size = lost}, "", 0, "", 0);
  if (fd >= 0)
    sys_close(fd);
  sys_close(node);
  send_records();
}
