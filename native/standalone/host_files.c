// Files, for lib/quickjs/node-fs.ts. What fails returns -errno.
#include "engine.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

NATIVE(open_file) {
  int flags, mode;
  if (!take_int(ctx, argv[1], &flags) || !take_int(ctx, argv[2], &mode))
    return JS_EXCEPTION;
  WITH_PATH(path, TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC, (mode_t)mode)));
}

NATIVE(close_file) {
  int fd;
  if (!take_int(ctx, argv[0], &fd))
    return JS_EXCEPTION;
  return result_value(ctx, close(fd));
}

// read(fd, bytes, position): position -1 is where the file is.
NATIVE(read_file) {
  int fd;
  uint8_t *bytes;
  size_t length;
  int64_t position;
  if (!take_int(ctx, argv[0], &fd) || !take_bytes(ctx, argv[1], &bytes, &length) ||
      JS_ToInt64(ctx, &position, argv[2]) < 0)
    return JS_EXCEPTION;
  if (position < 0)
    return result_value(ctx, TEMP_FAILURE_RETRY(read(fd, bytes, length)));
  return result_value(ctx, TEMP_FAILURE_RETRY(pread(fd, bytes, length, position)));
}

NATIVE(write_file) {
  int fd;
  uint8_t *bytes;
  size_t length;
  if (!take_int(ctx, argv[0], &fd) || !take_bytes(ctx, argv[1], &bytes, &length))
    return JS_EXCEPTION;
  return result_value(ctx, TEMP_FAILURE_RETRY(write(fd, bytes, length)));
}

enum { DEVICE, INODE, MODE, LINKS, OWNER, GROUP, SPECIAL, SIZE, MODIFIED, STATUS_FIELDS };

static void tell_status(const struct stat *status, uint8_t *bytes) {
  double fields[STATUS_FIELDS];
  fields[DEVICE] = (double)status->st_dev;
  fields[INODE] = (double)status->st_ino;
  fields[MODE] = status->st_mode;
  fields[LINKS] = (double)status->st_nlink;
  fields[OWNER] = status->st_uid;
  fields[GROUP] = status->st_gid;
  fields[SPECIAL] = (double)status->st_rdev;
  fields[SIZE] = (double)status->st_size;
  fields[MODIFIED] = (double)status->st_mtim.tv_sec * 1e3 + (double)status->st_mtim.tv_nsec / 1e6;
  memcpy(bytes, fields, sizeof fields);
}

// status(path or descriptor, whether links are followed, bytes of a Float64Array)
NATIVE(file_status) {
  struct stat status;
  uint8_t *bytes;
  size_t length;
  int follow, fd;
  long failed;
  if (!take_int(ctx, argv[1], &follow) || !take_bytes(ctx, argv[2], &bytes, &length))
    return JS_EXCEPTION;
  if (length < STATUS_FIELDS * sizeof(double))
    return JS_ThrowRangeError(ctx, "a status has more fields");
  if (JS_IsString(argv[0])) {
    const char *path;
    if (!take_text(ctx, argv[0], &path))
      return JS_EXCEPTION;
    failed = fstatat(AT_FDCWD, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    drop_text(ctx, argv[0], path);
  } else {
    if (!take_int(ctx, argv[0], &fd))
      return JS_EXCEPTION;
    failed = fstat(fd, &status) < 0 ? -errno : 0;
  }
  if (failed == 0)
    tell_status(&status, bytes);
  return JS_NewInt64(ctx, failed);
}

static int type_of_entry(DIR *directory, const struct dirent *entry) {
  struct stat status;
  if (entry->d_type != DT_UNKNOWN)
    return entry->d_type;
  if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return DT_UNKNOWN;
  return IFTODT(status.st_mode);
}

static JSValue list_entries(JSContext *ctx, DIR *directory) {
  JSValue list = JS_NewArray(ctx);
  uint32_t count = 0;
  errno = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL; errno = 0) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    int type = type_of_entry(directory, entry);
    JS_SetPropertyUint32(ctx, list, count++, JS_NewString(ctx, entry->d_name));
    JS_SetPropertyUint32(ctx, list, count++, JS_NewInt32(ctx, type));
  }
  if (errno == 0)
    return list;
  int failed = errno;
  JS_FreeValue(ctx, list);
  return JS_NewInt32(ctx, -failed);
}

// The names with their types, one after the other.
NATIVE(list_directory) {
  const char *path;
  if (!take_text(ctx, argv[0], &path))
    return JS_EXCEPTION;
  DIR *directory = opendir(path);
  int failed = errno;
  drop_text(ctx, argv[0], path);
  if (!directory)
    return JS_NewInt32(ctx, -failed);
  JSValue list = list_entries(ctx, directory);
  closedir(directory);
  return list;
}

NATIVE(change_mode) {
  int mode;
  if (!take_int(ctx, argv[1], &mode))
    return JS_EXCEPTION;
  WITH_PATH(path, chmod(path, (mode_t)mode));
}

NATIVE(change_owner) {
  uint32_t uid, gid;
  if (!take_uint32(ctx, argv[1], &uid) || !take_uint32(ctx, argv[2], &gid))
    return JS_EXCEPTION;
  WITH_PATH(path, lchown(path, uid, gid));
}

NATIVE(make_directory) {
  int mode;
  if (!take_int(ctx, argv[1], &mode))
    return JS_EXCEPTION;
  WITH_PATH(path, mkdir(path, (mode_t)mode));
}

NATIVE(remove_directory) {
  WITH_PATH(path, rmdir(path));
}

NATIVE(remove_file) {
  WITH_PATH(path, unlink(path));
}

NATIVE(rename_file) {
  const char *to;
  if (!take_text(ctx, argv[1], &to))
    return JS_EXCEPTION;
  const char *from;
  if (!take_text(ctx, argv[0], &from)) {
    drop_text(ctx, argv[1], to);
    return JS_EXCEPTION;
  }
  long failed = rename(from, to) < 0 ? -errno : 0;
  drop_text(ctx, argv[0], from);
  drop_text(ctx, argv[1], to);
  return JS_NewInt64(ctx, failed);
}

NATIVE(access_file) {
  int mode;
  if (!take_int(ctx, argv[1], &mode))
    return JS_EXCEPTION;
  WITH_PATH(path, access(path, mode));
}

// The magic number of the file system.
NATIVE(file_system) {
  struct statfs status;
  WITH_PATH(path, statfs(path, &status) < 0 ? -1 : (long)(unsigned long)status.f_type);
}

NATIVE(read_link) {
  char target[PATH_MAX + 1];
  const char *path;
  if (!take_text(ctx, argv[0], &path))
    return JS_EXCEPTION;
  ssize_t length = readlink(path, target, sizeof target);
  int failed = errno;
  drop_text(ctx, argv[0], path);
  return length < 0 ? JS_NewInt32(ctx, -failed) : JS_NewStringLen(ctx, target, (size_t)length);
}

NATIVE(real_path) {
  const char *path;
  if (!take_text(ctx, argv[0], &path))
    return JS_EXCEPTION;
  char *found = realpath(path, NULL);
  int failed = errno;
  drop_text(ctx, argv[0], path);
  JSValue value = found ? JS_NewString(ctx, found) : JS_NewInt32(ctx, -failed);
  free(found);
  return value;
}

NATIVE(set_blocking) {
  int fd, is_blocking;
  if (!take_int(ctx, argv[0], &fd) || !take_int(ctx, argv[1], &is_blocking))
    return JS_EXCEPTION;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return result_value(ctx, -1);
  flags = is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  return result_value(ctx, fcntl(fd, F_SETFL, flags));
}

// Whose numbers are not the same on all machines.
static const struct {
  const char *name;
  int value;
} constants[] = {
    {"O_RDONLY", O_RDONLY},       {"O_WRONLY", O_WRONLY},     {"O_RDWR", O_RDWR},
    {"O_CREAT", O_CREAT},         {"O_EXCL", O_EXCL},         {"O_NOCTTY", O_NOCTTY},
    {"O_TRUNC", O_TRUNC},         {"O_APPEND", O_APPEND},     {"O_NONBLOCK", O_NONBLOCK},
    {"O_DIRECTORY", O_DIRECTORY}, {"O_NOFOLLOW", O_NOFOLLOW}, {"O_DSYNC", O_DSYNC},
    {"O_SYNC", O_SYNC},
};

static void constant_numbers(JSContext *ctx, JSValue host) {
  JSValue numbers = JS_NewObject(ctx);
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    JS_SetPropertyStr(ctx, numbers, constants[i].name, JS_NewInt32(ctx, constants[i].value));
  JS_SetPropertyStr(ctx, host, "fileConstants", numbers);
}

void file_functions(JSContext *ctx, JSValue host) {
  add_function(ctx, host, "open", open_file, 3);
  add_function(ctx, host, "close", close_file, 1);
  add_function(ctx, host, "read", read_file, 3);
  add_function(ctx, host, "write", write_file, 2);
  add_function(ctx, host, "status", file_status, 3);
  add_function(ctx, host, "list", list_directory, 1);
  add_function(ctx, host, "mkdir", make_directory, 2);
  add_function(ctx, host, "rmdir", remove_directory, 1);
  add_function(ctx, host, "chmod", change_mode, 2);
  add_function(ctx, host, "lchown", change_owner, 3);
  add_function(ctx, host, "unlink", remove_file, 1);
  add_function(ctx, host, "rename", rename_file, 2);
  add_function(ctx, host, "access", access_file, 2);
  add_function(ctx, host, "fileSystem", file_system, 1);
  add_function(ctx, host, "readLink", read_link, 1);
  add_function(ctx, host, "realPath", real_path, 1);
  add_function(ctx, host, "setBlocking", set_blocking, 2);
  constant_numbers(ctx, host);
}
