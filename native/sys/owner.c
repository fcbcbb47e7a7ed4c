// What belongs to a thread of JavaScript. A worker may be ended at any moment, and no JavaScript runs then:
// its descriptors are closed by the end of its thread, and its children, which stay this process's, are
// reaped.
#include "sys.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { GROWTH = 256 };

struct duty {
  struct duty *next;
  void (*release)(void *);
  void *subject;
};

struct owner {
  int size;
  unsigned char *owned; // by descriptor
  struct duty *duties;
};

static pthread_key_t key;
static int key_error;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

// The reaper exists while there are children that nobody waits for any more.
static pthread_mutex_t reaping = PTHREAD_MUTEX_INITIALIZER;
static int reaper = -1, orphans;

static bool reap_at(int epoll) {
  struct epoll_event event;
  int count = epoll_wait(epoll, &event, 1, -1);
  if (count <= 0)
    return true;
  siginfo_t info;
  waitid((idtype_t)P_PIDFD, (id_t)event.data.fd, &info, WEXITED | WNOHANG);
  // Somebody may have a duplicate, and then closing it would not take it out.
  epoll_ctl(epoll, EPOLL_CTL_DEL, event.data.fd, NULL);
  close(event.data.fd);
  pthread_mutex_lock(&reaping);
  bool more = --orphans > 0;
  if (!more) {
    close(reaper);
    reaper = -1;
  }
  pthread_mutex_unlock(&reaping);
  return more;
}

static void *reap_orphans(void *argument) {
  int epoll = (int)(intptr_t)argument;
  while (reap_at(epoll))
    ;
  return NULL;
}

static bool start_reaper(void) {
  sigset_t all, before;
  pthread_t thread;
  reaper = epoll_create1(EPOLL_CLOEXEC);
  if (reaper < 0)
    return false;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, NULL, reap_orphans, (void *)(intptr_t)reaper);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error == 0) {
    pthread_detach(thread);
    return true;
  }
  close(reaper);
  reaper = -1;
  return false;
}

// Takes the pidfd over. If there is no memory for a thread the child stays a zombie until this process
// ends.
static void leave_to_reaper(int pidfd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = pidfd};
  pthread_mutex_lock(&reaping);
  if ((reaper >= 0 || start_reaper()) && epoll_ctl(reaper, EPOLL_CTL_ADD, pidfd, &event) == 0)
    orphans++;
  else
    close(pidfd);
  pthread_mutex_unlock(&reaping);
}

static bool is_child(int fd) {
  siginfo_t info;
  return waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void end(void *argument) {
  struct owner *owner = argument;
  for (struct duty *next, *duty = owner->duties; duty != NULL; duty = next) {
    next = duty->next;
    duty->release(duty->subject);
    free(duty);
  }
  for (int fd = 0; fd < owner->size; fd++)
    if (owner->owned[fd]) {
      if (is_child(fd))
        leave_to_reaper(fd);
      else
        close(fd);
    }
  free(owner->owned);
  free(owner);
}

static void make_key(void) {
  key_error = pthread_key_create(&key, end);
}

// NULL: no memory.
static struct owner *owner_of_thread(void) {
  pthread_once(&key_made, make_key);
  if (key_error)
    return NULL;
  struct owner *owner = pthread_getspecific(key);
  if (owner != NULL)
    return owner;
  owner = calloc(1, sizeof *owner);
  if (owner == NULL || pthread_setspecific(key, owner) == 0)
    return owner;
  free(owner);
  return NULL;
}

static bool make_room(struct owner *owner, int fd) {
  if (fd < owner->size)
    return true;
  int size = fd + GROWTH;
  unsigned char *owned = realloc(owner->owned, (size_t)size);
  if (owned == NULL)
    return false;
  memset(owned + owner->size, 0, (size_t)(size - owner->size));
  owner->owned = owned;
  owner->size = size;
  return true;
}

// Without memory for the list the descriptor is refused, since nobody would close it.
int own(int fd) {
  if (fd < 0)
    return fd;
  struct owner *owner = owner_of_thread();
  if (owner == NULL || !make_room(owner, fd)) {
    close(fd);
    return -ENOMEM;
  }
  owner->owned[fd] = 1;
  return fd;
}

int own_pair(int made, const int *pair) {
  if (made < 0)
    return made;
  int first = own(pair[0]), second = own(pair[1]);
  if (first >= 0 && second >= 0)
    return made;
  if (first >= 0)
    close(disown(first));
  if (second >= 0)
    close(disown(second));
  return -ENOMEM;
}

int disown(int fd) {
  struct owner *owner = owner_of_thread();
  if (owner != NULL && fd >= 0 && fd < owner->size)
    owner->owned[fd] = 0;
  return fd;
}

int at_end_of_thread(void (*release)(void *), void *subject) {
  struct owner *owner = owner_of_thread();
  struct duty *duty = malloc(sizeof *duty);
  if (owner == NULL || duty == NULL) {
    free(duty);
    return -ENOMEM;
  }
  *duty = (struct duty){.next = owner->duties, .release = release, .subject = subject};
  owner->duties = duty;
  return 0;
}

void not_at_end_of_thread(const void *subject) {
  struct owner *owner = owner_of_thread();
  if (owner == NULL)
    return;
  for (struct duty **link = &owner->duties; *link != NULL; link = &(*link)->next)
    if ((*link)->subject == subject) {
      struct duty *duty = *link;
      *link = duty->next;
      free(duty);
      return;
    }
}

// The descriptor is a stream of Node's now, which closes it.
EXPORT int ts_given(int fd) {
  return disown(fd);
}

// The init helper in its sealed memory, one for the whole process however many threads and copies of the
// library's JavaScript there are; -1: not made yet.
static _Atomic int helper = -1;

EXPORT int ts_helper(void) {
  return helper;
}

// Takes the descriptor over; returns the one to use, which somebody else may have made first.
EXPORT int ts_keep_helper(int fd) {
  int none = -1;
  disown(fd);
  if (atomic_compare_exchange_strong(&helper, &none, fd))
    return fd;
  close(fd);
  return none;
}
