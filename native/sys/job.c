#include "job.h"
#include "sys.h"
#include "thread.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum { STACK_SIZE = 128 * 1024 };

// Shared by the thread that asks and the one that does it; the last of them to let go frees it.
struct ticket {
  struct job job;
  int done; // an eventfd
  _Atomic int holders;
};

static void close_if_open(int fd) {
  if (fd >= 0)
    close(fd);
}

static void let_go(struct ticket *ticket) {
  if (atomic_fetch_sub(&ticket->holders, 1) > 1)
    return;
  struct job *job = &ticket->job;
  close_if_open(job->made);
  close_if_open(ticket->done);
  for (int i = 0; job->fds != NULL && i < job->first; i++)
    close_if_open(job->fds[i]);
  free(job->fds);
  free(job->path);
  free(ticket);
}

static int opened(struct job *job, int fd) {
  job->made = fd;
  return fd < 0 ? fd : 0;
}

// A file of the kernel takes a text whole, or refuses it.
static int write_text(int fd, const char *text) {
  return (int)result(write(fd, text, strlen(text)));
}

static int perform(struct job *job) {
  switch (job->kind) {
  case JOB_OPEN_TREE:
    return opened(job, open_tree(job->path, job->first, job->second));
  case JOB_OPEN:
    return opened(job, open_path(job->path, job->first));
  case JOB_CONNECT:
    return opened(job, connect_to(job->path));
  case JOB_READ:
    return opened(job, read_file(job->path, (size_t)job->first));
  case JOB_OVERLAY:
    return opened(job, make_overlay(job->fds, job->first, job->second));
  case JOB_WRITE:
    return write_text(job->fds[0], job->path);
  default:
    return -EINVAL;
  }
}

static void *work(void *argument) {
  struct ticket *ticket = argument;
  uint64_t one = 1;
  ticket->job.result = perform(&ticket->job);
  // There is room for it: nothing else is counted.
  if (write(ticket->done, &one, sizeof one) < 0)
    ticket->job.result = -errno;
  let_go(ticket);
  return NULL;
}

static void give_up(void *ticket) {
  let_go(ticket);
}

// Who asked may give up, and close its own, before the thread has come to them.
static int copy_fds(struct job *job, const int *fds) {
  job->fds = malloc((size_t)job->first * sizeof *fds);
  if (job->fds == NULL)
    return -ENOMEM;
  int failed = 0;
  for (int i = 0; i < job->first; i++) {
    job->fds[i] = failed < 0 ? -1 : (int)result(fcntl(fds[i], F_DUPFD_CLOEXEC, 0));
    if (job->fds[i] < 0 && failed == 0)
      failed = job->fds[i];
  }
  return failed;
}

static int furnish(struct ticket *ticket, const char *path, const int *fds) {
  ticket->done = (int)result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (ticket->done < 0)
    return ticket->done;
  ticket->job.path = strdup(path);
  if (ticket->job.path == NULL)
    return -ENOMEM;
  return fds == NULL ? 0 : copy_fds(&ticket->job, fds);
}

static int begin(struct job job, const char *path, const int *fds, uint64_t *handle) {
  struct ticket *ticket = calloc(1, sizeof *ticket);
  if (ticket == NULL)
    return -ENOMEM;
  ticket->job = job;
  ticket->job.made = ticket->done = -1;
  ticket->holders = 1;
  int failed = furnish(ticket, path, fds);
  if (failed == 0)
    failed = at_end_of_thread(give_up, ticket);
  if (failed == 0) {
    ticket->holders = 2;
    failed = start_thread(STACK_SIZE, work, ticket);
    if (failed < 0) {
      not_at_end_of_thread(ticket);
      ticket->holders = 1;
    }
  }
  if (failed < 0) {
    let_go(ticket);
    return failed;
  }
  *handle = (uintptr_t)ticket;
  return ticket->done;
}

// `handle` is for ts_job_end. Returns a descriptor that is readable when the job is done, and stays the
// job's.
EXPORT int ts_job_begin(int kind, int first, int second, const char *path, uint64_t *handle) {
  return begin((struct job){.kind = kind, .first = first, .second = second}, path, NULL, handle);
}

// The same for an overlay of these mounts: that of the directory for what is written, then the layers, the
// topmost first. They stay the caller's.
EXPORT int ts_overlay_begin(const int *trees, int count, int flags, uint64_t *handle) {
  return begin((struct job){.kind = JOB_OVERLAY, .first = count, .second = flags}, "", trees, handle);
}

// One write(2), for which the kernel may let wait: a limit of memory, until enough of it is free. `fd` stays
// the caller's.
EXPORT int ts_write_begin(int fd, const char *text, uint64_t *handle) {
  return begin((struct job){.kind = JOB_WRITE, .first = 1}, text, &fd, handle);
}

// Once for each job. What it returned, and in `made` the descriptor that came of it, or -1.
EXPORT int ts_job_end(size_t handle, int *made) {
  struct ticket *ticket = (struct ticket *)(uintptr_t)handle;
  not_at_end_of_thread(ticket);
  int came = ticket->job.result;
  *made = ticket->job.made < 0 ? -1 : own(ticket->job.made);
  ticket->job.made = -1;
  let_go(ticket);
  return came;
}

// In place of ts_job_end for a job that need not be done yet: what comes of it is undone.
EXPORT int ts_job_give_up(size_t handle) {
  struct ticket *ticket = (struct ticket *)(uintptr_t)handle;
  not_at_end_of_thread(ticket);
  let_go(ticket);
  return 0;
}
