// Waits for children of threads that have ended, and for what their helpers still tell of children.
#include "reaper.h"
#include "../init/report.h"
#include "job.h"
#include "lost.h"
#include "sys.h"
#include "thread.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { CHUNK = 8192, HEADER = 4, STACK_SIZE = 128 * 1024 };
enum wait { FOR_EXIT, FOR_WORDS };

// The reaper exists while there is something that it waits for.
static pthread_mutex_t reaping = PTHREAD_MUTEX_INITIALIZER;
static int reaper = -1, waits;

static void *reap(void *argument);

static bool start_reaper(void) {
  reaper = epoll_create1(EPOLL_CLOEXEC);
  if (reaper < 0)
    return false;
  if (start_thread(STACK_SIZE, reap, (void *)(intptr_t)reaper) == 0)
    return true;
  close(reaper);
  reaper = -1;
  return false;
}

// Takes the descriptor over. If there is no memory for a thread a child stays a zombie until this process
// ends.
static void leave_to_reaper(int fd, enum wait wait) {
  struct epoll_event event = {.events = wait == FOR_EXIT ? EPOLLIN : EPOLLRDHUP,
                              .data.u64 = (uint64_t)wait << 32 | (uint32_t)fd};
  pthread_mutex_lock(&reaping);
  if ((reaper >= 0 || start_reaper()) && epoll_ctl(reaper, EPOLL_CTL_ADD, fd, &event) == 0)
    waits++;
  else
    close(fd);
  pthread_mutex_unlock(&reaping);
}

static bool is_child(int pidfd) {
  siginfo_t info;
  return waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// What has a number of a helper's is reaped only if it is a helper: the word comes from one that others may
// have got hold of. The pidfd is opened first, so that what is found then holds for it.
static void adopt(int pid) {
  int pidfd = (int)result(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0)
    return;
  if (is_child(pidfd) && is_helper(pid))
    leave_to_reaper(pidfd, FOR_EXIT);
  else
    close(pidfd);
}

// The pid of a frame [FRAME_CLONED, pid], as report.c writes it; 0 for any other.
static int cloned_pid(const unsigned char *frame, size_t length) {
  enum { PAIR = 0x82, LONG = 0x1a };
  if (length < 3 || frame[0] != PAIR || frame[1] != FRAME_CLONED)
    return 0;
  if (length == 3 && frame[2] < 24)
    return frame[2];
  if (length != 7 || frame[2] != LONG || frame[3] > INT8_MAX)
    return 0;
  return frame[3] << 24 | frame[4] << 16 | frame[5] << 8 | frame[6];
}

// Where the whole frames in `bytes` end.
static size_t adopt_told(const unsigned char *bytes, size_t length) {
  size_t at = 0;
  while (length - at >= HEADER) {
    const unsigned char *head = bytes + at;
    size_t size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (size > length - at - HEADER)
      break;
    int pid = cloned_pid(head + HEADER, size);
    if (pid > 0)
      adopt(pid);
    at += HEADER + size;
  }
  return at;
}

// What is no whole frame stays: the rest may follow.
static void adopt_news(int socket) {
  unsigned char bytes[CHUNK];
  for (;;) {
    ssize_t length = recv(socket, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    size_t whole = length <= 0 ? 0 : adopt_told(bytes, (size_t)length);
    if (whole == 0 || recv(socket, bytes, whole, MSG_DONTWAIT) <= 0)
      return;
  }
}

static bool serve(int epoll) {
  struct epoll_event event;
  if (epoll_wait(epoll, &event, 1, -1) <= 0)
    return true;
  int fd = (int)(uint32_t)event.data.u64;
  siginfo_t info;
  bool is_words = event.data.u64 >> 32 == FOR_WORDS;
  if (is_words)
    adopt_news(fd);
  else
    waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
  // Somebody may have a duplicate, and then closing it would not take it out.
  epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
  close(fd);
  if (is_words)
    reap_lost();
  pthread_mutex_lock(&reaping);
  bool more = --waits > 0;
  if (!more) {
    close(reaper);
    reaper = -1;
  }
  pthread_mutex_unlock(&reaping);
  return more;
}

static void *reap(void *argument) {
  while (serve((int)(intptr_t)argument))
    ;
  return NULL;
}

// Of a socket pair that this process has made, or a connection to itself; one that listens names itself.
static bool is_own_socket(int fd) {
  struct ucred peer;
  int listens;
  socklen_t size = sizeof peer, length = sizeof listens;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid() &&
         getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && !listens;
}

// Whoever is at the other end gets an end of file now, and ends then, or is killed with the thread that was
// its parent. What it has told by then is read to the end; what has been told before was perhaps never heard,
// and is adopted before anything is reaped, so that no number means another process.
static void hear_out(int socket) {
  shutdown(socket, SHUT_WR);
  adopt_news(socket);
  leave_to_reaper(socket, FOR_WORDS);
}

void leave_behind(unsigned char *owned, int size) {
  for (int fd = 0; fd < size; fd++)
    if (owned[fd] && is_own_socket(fd)) {
      hear_out(fd);
      owned[fd] = 0;
    }
  for (int fd = 0; fd < size; fd++)
    if (owned[fd] && is_child(fd))
      leave_to_reaper(fd, FOR_EXIT);
    else if (owned[fd])
      close(fd);
}
