// What a file says at the moment when a descriptor is ready, read by a thread that does nothing else: the
// event loop may be busy, and the file gone before it comes to it.
#include "sys.h"
#include "thread.h"
#include <sys/epoll.h>

enum { BATCH = 16, RECORD = 256, TEXT = RECORD - 8 };

struct witness {
  int epoll, out;
};

// In place of a cookie: nobody reads from the pipe any more.
static const uint64_t UNHEARD = UINT64_MAX;

// What goes through the pipe: whom it is for, and what the file beside it said at that moment (-1:
// nothing).
struct record {
  uint32_t cookie;
  int32_t length;
  char text[TEXT];
};
_Static_assert(sizeof(struct record) == RECORD, "lib/sys/witness.ts counts on it");

// Both descriptors travel in the thread's argument, so that there is nothing to allocate and nothing to free.
static struct witness unpack(void *argument) {
  uintptr_t both = (uintptr_t)argument;
  return (struct witness){.epoll = (int)(both >> 32), .out = (int)(both & 0xffffffffu)};
}

static struct record record_of(uint64_t data) {
  struct record record = {.cookie = (uint32_t)data};
  int file = (int)(data >> 32);
  record.length = (int32_t)pread(file, record.text, sizeof record.text, 0);
  return record;
}

// Returns how many records there are; -1: nobody wants more of them.
static int collect(int epoll, struct record *records) {
  struct epoll_event events[BATCH];
  int count = epoll_wait(epoll, events, BATCH, -1);
  if (count < 0)
    return errno == EINTR ? 0 : -1;
  for (int i = 0; i < count; i++) {
    if (events[i].data.u64 == UNHEARD)
      return -1;
    records[i] = record_of(events[i].data.u64);
  }
  return count;
}

static void *forward(void *argument) {
  struct witness witness = unpack(argument);
  for (;;) {
    struct record records[BATCH];
    int count = collect(witness.epoll, records);
    if (count < 0 || (count > 0 && write(witness.out, records, (size_t)count * sizeof records[0]) < 0))
      break;
  }
  close(witness.epoll);
  close(witness.out);
  return NULL;
}

// `epoll` and `out` belong to the thread from here on. It ends when the other end of `out` is closed, as the
// end of a worker does in whatever way it ends.
static int start_forwarding(int epoll, int out) {
  return start_thread(64 * 1024, forward, (void *)(((uintptr_t)(unsigned)epoll << 32) | (unsigned)out));
}

// fds[0]: the epoll instance, fds[1]: the pipe's end to read the records from.
EXPORT int ts_witness_start(int *fds) {
  _Static_assert(sizeof(void *) == 8, "two descriptors fit a pointer");
  int ends[2];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0)
    return -errno;
  if (syscall(SYS_pipe2, ends, 02000000 /* O_CLOEXEC */) < 0) {
    int error = errno;
    close(epoll);
    return -error;
  }
  struct epoll_event unheard = {.events = 0 /* EPOLLERR is always told */, .data.u64 = UNHEARD};
  int failed = (int)result(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &unheard));
  if (failed == 0)
    failed = start_forwarding(epoll, ends[1]);
  if (failed < 0) {
    close(epoll);
    close(ends[0]);
    close(ends[1]);
    return failed;
  }
  fds[0] = epoll;
  fds[1] = own(ends[0]);
  return fds[1] < 0 ? fds[1] : 0;
}

// Once for each descriptor. `file` is read when `fd` is ready, and has to stay open as long as `fd`.
EXPORT int ts_witness_add(int epoll, int fd, uint32_t events, uint32_t cookie, int file) {
  struct epoll_event event = {
      .events = events | EPOLLONESHOT,
      .data.u64 = (uint64_t)(unsigned)file << 32 | cookie,
  };
  return (int)result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

EXPORT int ts_witness_remove(int epoll, int fd) {
  return (int)result(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
}
