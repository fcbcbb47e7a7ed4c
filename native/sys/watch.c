// Readiness of any descriptor, in the event loop of Node. Its streams are pipes and sockets only; libuv also
// polls an epoll instance of ours, and that takes whatever can be polled. For this the library is an add-on
// of Node besides.
#include "node.h"
#include "sys.h"
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { BATCH = 32 };

// All that is done with it is done by the thread whose loop it is in.
struct watch {
  napi_env env;
  napi_ref tell;
  napi_async_cleanup_hook_handle hook;
  int epoll, holds;
  bool is_ending;
  alignas(max_align_t) char poll[];
};

// What epoll gives back: the cookie, whether the wait holds the event loop, the descriptor.
static const uint64_t HOLDS = 1u << 31;

static uint64_t packed(uint32_t cookie, int fd, int holds) {
  return (uint64_t)cookie << 32 | (holds ? HOLDS : 0) | (uint32_t)fd;
}

static uv_poll_t *poll_of(struct watch *watch) {
  return (uv_poll_t *)(void *)watch->poll;
}

static void hold(struct watch *watch, int change) {
  watch->holds += change;
  if (watch->holds == 0)
    uv_unref(poll_of(watch));
  else if (watch->holds == 1 && change > 0)
    uv_ref(poll_of(watch));
}

// A wait is over as soon as it is ready: JavaScript need not say so.
static uint32_t take(struct watch *watch, uint64_t data) {
  epoll_ctl(watch->epoll, EPOLL_CTL_DEL, (int)(data & (HOLDS - 1)), NULL);
  if (data & HOLDS)
    hold(watch, -1);
  return (uint32_t)(data >> 32);
}

static void tell(const struct watch *watch, size_t count, const napi_value *cookies) {
  napi_value function, exception;
  if (napi_get_reference_value(watch->env, watch->tell, &function) != 0)
    return;
  // The function throws nothing: this fails if the thread is being terminated, and then nobody waits.
  if (napi_make_callback(watch->env, NULL, function, function, count, cookies, NULL) != 0)
    napi_get_and_clear_last_exception(watch->env, &exception);
}

// What does not fit is ready at the next turn of the loop still.
static void collect(uv_poll_t *poll, int status, int flags) {
  (void)status;
  (void)flags;
  struct watch *watch = uv_handle_get_data(poll);
  struct epoll_event events[BATCH];
  napi_value cookies[BATCH];
  napi_handle_scope scope;
  if (napi_open_handle_scope(watch->env, &scope) != 0)
    return;
  int count = epoll_wait(watch->epoll, events, BATCH, 0);
  for (int i = 0; i < count; i++)
    napi_create_int64(watch->env, take(watch, events[i].data.u64), &cookies[i]);
  if (count > 0)
    tell(watch, (size_t)count, cookies);
  napi_close_handle_scope(watch->env, scope);
}

static void ended(void *poll) {
  struct watch *watch = uv_handle_get_data(poll);
  close(watch->epoll);
  napi_remove_async_cleanup_hook(watch->hook);
  free(watch);
}

static void end(struct watch *watch) {
  if (watch->is_ending)
    return;
  watch->is_ending = true;
  napi_delete_reference(watch->env, watch->tell);
  uv_close(poll_of(watch), ended);
}

// Node ends the thread, and waits until its loop has nothing of ours.
static void end_with_thread(napi_async_cleanup_hook_handle hook, void *watch) {
  (void)hook;
  end(watch);
}

static int init_poll(struct watch *watch) {
  uv_loop_t *loop;
  watch->epoll = (int)result(epoll_create1(EPOLL_CLOEXEC));
  if (watch->epoll < 0)
    return watch->epoll;
  if (napi_get_uv_event_loop(watch->env, &loop) != 0)
    return -ENOSYS;
  return uv_poll_init(loop, poll_of(watch), watch->epoll);
}

// -errno, which those of libuv are too.
static int64_t begin(napi_env env, napi_value function) {
  // A host may have Node-API without libuv.
  if (uv_poll_init == NULL || napi_get_uv_event_loop == NULL)
    return -ENOSYS;
  struct watch *watch = calloc(1, sizeof *watch + uv_handle_size(UV_POLL));
  if (watch == NULL)
    return -ENOMEM;
  watch->env = env;
  int failed = init_poll(watch);
  if (failed < 0) {
    close_owned(&watch->epoll);
    free(watch);
    return failed;
  }
  uv_handle_set_data(poll_of(watch), watch);
  uv_poll_start(poll_of(watch), UV_READABLE, collect);
  uv_unref(poll_of(watch));
  napi_create_reference(env, function, 1, &watch->tell);
  napi_add_async_cleanup_hook(env, end_with_thread, watch, &watch->hook);
  return (int64_t)(uintptr_t)watch;
}

// Called from JavaScript with the function that is told which waits are ready, by their cookies. Returns what
// the functions below want, or -errno.
static napi_value watch_begin(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value function, handle;
  napi_get_cb_info(env, info, &count, &function, NULL, NULL);
  napi_create_int64(env, begin(env, function), &handle);
  return handle;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const char name[] = "watchBegin";
  napi_value function;
  return napi_create_function(env, name, sizeof name - 1, watch_begin, NULL, &function) == 0 ? function
                                                                                             : exports;
}

EXPORT int ts_watch_end(size_t handle) {
  end((struct watch *)handle);
  return 0;
}

// `holds`: the event loop goes on until it is ready, or removed.
EXPORT int ts_watch_add(size_t handle, int fd, uint32_t events, uint32_t cookie, int holds) {
  struct watch *watch = (struct watch *)handle;
  // Once: one whose descriptor was closed too early, and which can't be removed, would keep the loop busy.
  struct epoll_event event = {.events = events | EPOLLONESHOT, .data.u64 = packed(cookie, fd, holds)};
  int added = (int)result(epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event));
  if (added == 0 && holds)
    hold(watch, 1);
  return added;
}

// Of one that has not been told of. `holds` as it was added.
EXPORT int ts_watch_remove(size_t handle, int fd, int holds) {
  struct watch *watch = (struct watch *)handle;
  if (holds)
    hold(watch, -1);
  return (int)result(epoll_ctl(watch->epoll, EPOLL_CTL_DEL, fd, NULL));
}

// 1: the event loop goes on, until it is told so with -1.
EXPORT int ts_watch_hold(size_t handle, int change) {
  hold((struct watch *)handle, change);
  return 0;
}

EXPORT int ts_eventfd(void) {
  return own((int)result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}
