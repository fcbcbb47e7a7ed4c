// What belongs to a thread of JavaScript. A worker may be ended at any moment, and no JavaScript runs then:
// its descriptors are closed by the end of its thread, and its children, which stay this process's, are
// reaped.
#include "reaper.h"
#include "sys.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { GROWTH = 256 };

struct duty {
  struct duty *next;
  void (*release)(void *);
  void *subject;
};

// What a descriptor is of. The number is that of a terminal: all masters of one devpts are the same inode.
struct identity {
  dev_t device;
  ino_t inode;
  unsigned number;
  int access;
};

struct owner {
  int size;
  unsigned char *owned; // by descriptor
  struct duty *duties;
  int offered; // to Node, which may have taken it over; -1: none
  struct identity offer;
};

static pthread_key_t key;
static int key_error;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

static bool identify(int fd, struct identity *identity) {
  struct stat file;
  if (status_of(fd, &file) < 0)
    return false;
  *identity = (struct identity){file.st_dev, file.st_ino, 0, fcntl(fd, F_GETFL) & O_ACCMODE};
  if (ioctl(fd, TIOCGPTN, &identity->number) < 0)
    identity->number = 0;
  return true;
}

// Node has closed by now what it had taken over, and the number may be another's since.
static bool is_still_offered(const struct owner *owner) {
  const struct identity *offer = &owner->offer;
  struct identity now;
  return identify(owner->offered, &now) && now.device == offer->device && now.inode == offer->inode &&
         now.number == offer->number && now.access == offer->access;
}

static void end(void *argument) {
  struct owner *owner = argument;
  if (owner->offered >= 0 && !is_still_offered(owner))
    owner->owned[owner->offered] = 0;
  for (struct duty *next, *duty = owner->duties; duty != NULL; duty = next) {
    next = duty->next;
    duty->release(duty->subject);
    free(duty);
  }
  leave_behind(owner->owned, owner->size);
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
  if (owner == NULL)
    return NULL;
  owner->offered = -1;
  if (pthread_setspecific(key, owner) == 0)
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
  if (owner->offered == fd)
    owner->offered = -1;
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
  if (owner != NULL && owner->offered == fd)
    owner->offered = -1;
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

// Node is about to make a stream of it. A thread that is ended before it has said ts_given closes the
// descriptor if Node has not taken it over.
EXPORT int ts_offer(int fd) {
  struct owner *owner = owner_of_thread();
  if (owner != NULL && fd >= 0 && fd < owner->size && owner->owned[fd])
    owner->offered = identify(fd, &owner->offer) ? fd : -1;
  return fd;
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
