// EXEC, and the two ops of IDENTITY that prepare it.
#include <linux/close_range.h>
#include <linux/seccomp.h>

#include "memory.h"
#include "path.h"

#define EXECUTABLE 1 // X_OK

static int may_execute(int fd, const char *path) {
  int result = sys_faccessat2(fd, "", EXECUTABLE, AT_EACCESS | AT_EMPTY_PATH);
  // Of an older kernel, or of a filter that does not know the call (what may not be executed is EACCES): by
  // the real ids, which are the effective ones here.
  return result == -ENOSYS || result == -EPERM ? sys_faccessat(AT_FDCWD, path, EXECUTABLE) : result;
}

// 0, or why that file can't be executed.
static int try_program(const struct init *init, const char *path) {
  int fd = sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  struct statx found = stat_of(init, fd, path);
  uint32_t type = found.stx_mode & S_IFMT;
  int result = type == S_IFDIR ? -EISDIR : type != S_IFREG ? -EACCES : may_execute(fd, path);
  sys_close(fd);
  return result;
}

// What tells more: a file that may not be executed, then a directory, then anything but a missing file.
static int worse(int known, int found) {
  if (known == -EACCES || found == -ENOENT || found == -ENOTDIR)
    return known;
  return found == -EACCES || known == -ENOENT || found == -EISDIR ? found : known;
}

void run_resolve_exec(struct init *init, struct resolve_exec_op *args) {
  const char *first = "";
  int failure = -ENOENT;
  while (args->candidates.list.left > 0) {
    const char *path = next_text(&args->candidates);
    if (first[0] == 0)
      first = path;
    int result = try_program(init, path);
    if (result == 0) {
      init->program = path;
      return;
    }
    failure = worse(failure, result);
  }
  fail(&init->report, "execve", failure, first);
}

// The filter may stop or refuse each call that follows it. So the runtime is told beforehand which descriptor
// the listener is going to be, and takes it from outside as soon as it is there.
static void announce_listener(const struct init *init) {
  int lowest = must(&init->report, "openat", sys_openat(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0), "/");
  sys_close(lowest);
  tell(&init->report, FRAME_LISTENER, (uint64_t)lowest);
}

// Slots that later ops consume (the filter) have to stay, as has the way to report; execve closes them.
static bool is_needed(const struct init *init, unsigned int fd) {
  if (init->report.socket >= 0 && fd == (unsigned int)init->report.socket)
    return true;
  if (init->lifeline >= 0 && fd == (unsigned int)init->lifeline)
    return true;
  unsigned int slot = fd - (unsigned int)init->first_slot;
  return slot < init->plan.slot_count && (init->slots_left[slot / 8] >> slot % 8 & 1u) != 0;
}

static unsigned int last_needed(const struct init *init) {
  unsigned int last = (unsigned int)init->first_slot + init->plan.slot_count;
  unsigned int socket = init->report.socket < 0 ? 0 : (unsigned int)init->report.socket;
  return socket > last ? socket : last;
}

// An early filter may know no close_range. Descriptors are given out from the lowest on, so that no open one
// is far above those that are known.
static void close_between(const struct init *init, unsigned int first, unsigned int last) {
  enum { MARGIN = 64 };
  if (first > last || sys_close_range(first, last, 0) == 0)
    return;
  unsigned int highest = last_needed(init) + MARGIN;
  for (unsigned int fd = first; fd <= last && fd <= highest; fd++)
    sys_close((int)fd);
}

void run_seccomp(struct init *init, struct seccomp_op *args) {
  int fd = take_slot(init, args->slot.number);
  struct statx found = stat_of(init, fd, "the filter");
  size_t count = found.stx_size / sizeof(struct sock_filter);
  if (count == 0 || count > BPF_MAXINSNS || found.stx_size % sizeof(struct sock_filter) != 0)
    fail(&init->report, "seccomp", -EINVAL, "the filter's size");
  long error;
  struct sock_filter *filter = sys_map(found.stx_size, fd, &error);
  must(&init->report, "mmap", error, "the filter");
  sys_close(fd);
  struct sock_fprog program = {(unsigned short)count, filter};
  uint32_t flags = (uint32_t)args->flags.number;
  // From here on a call that tells the time, or of it, may be refused or waited for.
  end_timeline(&init->report, &init->timeline);
  bool listens = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  if (listens)
    announce_listener(init);
  int listener = must(&init->report, "seccomp", sys_seccomp(flags, &program), "");
  if (!listens)
    return;
  await_release(init, OP_SECCOMP);
  // As long as a listener is open somewhere the kernel waits for its answers: should the agent die, our own
  // calls would wait for ever.
  close_between(init, (unsigned int)listener, (unsigned int)listener);
}

void run_created(struct init *init, struct created_op *args) {
  drop(&init->procfs);
  // First, since the runtime may end as soon as it has released this. Should it die before, that ends the
  // wait.
  leave_parent(init);
  end_timeline(&init->report, &init->timeline);
  wait_at(init, OP_CREATED);
  drop(&init->report.socket);
}

// Whether the peer is the user that made the socket, or root. Its mode keeps all others out already;
// of a filter that is there before this and refuses the question, that is all that there is. Without a user
// namespace of its own the container has the ids of the host, else two users that it does not map look the
// same.
static bool may_start(int listener, int socket) {
  uint32_t maker, peer;
  int asked = sys_peer_uid(listener, &maker);
  if (asked == 0)
    asked = sys_peer_uid(socket, &peer);
  return asked == 0 ? peer == maker || peer == 0 : asked == -EPERM || asked == -ENOSYS;
}

// What is executed in a container that has not been started leaves orphans to its first process: nobody else
// reaps them, and they would count as processes for ever. A disposition is inherited by what is executed.
static void reap_by_kernel(bool does) {
  if (sys_getpid() == 1)
    (void)sys_handle_signal(SIGCHLD, does ? SIG_IGN : SIG_DFL);
}

void run_await_start(struct init *init, struct await_start_op *args) {
  reap_by_kernel(true);
  int listener = take_slot(init, args->slot.number);
  int socket;
  for (;;) {
    if (init->lifeline >= 0 && lifeline_is_cut(init->lifeline, listener))
      sys_exit(1);
    socket = sys_accept(listener);
    if (socket >= 0 && may_start(listener, socket))
      break;
    if (socket >= 0)
      sys_close(socket);
    else if (socket != -ECONNABORTED && socket != -EINTR)
      sys_exit(1);
  }
  sys_close(listener);
  init->report.socket = socket;
  reap_by_kernel(false);
}

void run_close_from(struct init *init, struct close_from_op *args) {
  unsigned int first = (unsigned int)args->first.number, last = last_needed(init);
  for (unsigned int fd = first; fd <= last; fd++) {
    if (!is_needed(init, fd))
      continue;
    // Not empty unless two that are needed are neighbours.
    if (fd > first)
      close_between(init, first, fd - 1);
    first = fd + 1;
  }
  close_between(init, first, ~0u);
  // A plan that is never `created` (exec, a hook) is on its own from here.
  if (!plan_has(&init->plan, OP_CREATED))
    leave_parent(init);
}

// argv and envp in one block; `extra` entries are left free at the end of envp.
static char **make_vectors(const struct init *init, struct execve_op *args, char ***env) {
  uint64_t count = args->args.list.left + args->env.list.left + 3;
  long error;
  char **vectors = sys_map(count * sizeof(char *), -1, &error);
  must(&init->report, "mmap", error, "arguments");
  char **next = vectors;
  while (args->args.list.left > 0)
    *next++ = next_text(&args->args);
  *env = ++next;
  return vectors;
}

void run_execve(struct init *init, struct execve_op *args) {
  static const char HOME[] = "HOME=";
  char **env;
  char **vectors = make_vectors(init, args, &env);
  bool adds_home = init->home[0] != 0;
  char **next = env;
  while (args->env.list.left > 0) {
    char *entry = next_text(&args->env);
    bool is_home = strncmp(entry, HOME, sizeof HOME - 1) == 0;
    bool is_set = is_home && entry[sizeof HOME - 1] != 0;
    if (is_set)
      adds_home = false;
    // An empty one gives way to ours.
    if (is_set || !is_home || init->home[0] == 0)
      *next++ = entry;
  }
  if (adds_home)
    *next = init->home;
  fail(&init->report, "execve", sys_execve(init->program, vectors, env), init->program);
}
