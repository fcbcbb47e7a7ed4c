// Reading a file that may be on a file system which does not answer.
#include "job.h"
#include "sys.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BLOCK = 16 * 1024 };

static int append(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0)
      return -errno;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

// What has been appended to it since it was looked at counts too.
static int copy(int from, int to, size_t limit) {
  char block[BLOCK];
  for (size_t total = 0;;) {
    ssize_t length = read(from, block, sizeof block);
    if (length <= 0)
      return (int)result(length);
    total += (size_t)length;
    int failed = total > limit ? -EFBIG : append(to, block, (size_t)length);
    if (failed < 0)
      return failed;
  }
}

static int copy_file(int from, int to, size_t limit) {
  struct stat status;
  if (status_of(from, &status) < 0)
    return -errno;
  uint64_t head[] = {status.st_mode, (uint64_t)status.st_size};
  int failed = append(to, (const char *)head, sizeof head);
  if (failed == 0 && S_ISREG(status.st_mode) && head[1] <= limit)
    failed = copy(from, to, limit);
  return failed < 0 ? failed : (int)result(lseek(to, 0, SEEK_SET));
}

// A fifo is not waited for, a device not woken.
int read_file(const char *path, size_t limit) {
  OWNED file = open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (file < 0)
    return file;
  int memory = (int)result(memfd_create("tsrun-file", MFD_CLOEXEC));
  if (memory < 0)
    return memory;
  int failed = copy_file(file, memory, limit);
  if (failed == 0)
    return memory;
  close(memory);
  return failed;
}
