// What the event loop waits with. Which function is called next is decided by lib/quickjs/event-loop.ts.
#include "engine.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool loop_drain(JSContext *ctx) {
  JSRuntime *runtime = JS_GetRuntime(ctx);
  for (;;) {
    JSContext *job;
    int done = JS_ExecutePendingJob(runtime, &job);
    if (done <= 0)
      return done == 0;
  }
}

bool loop_run(JSContext *ctx, JSValueConst next) {
  for (;;) {
    if (!loop_drain(ctx))
      return false;
    JSValue callback = JS_Call(ctx, next, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(callback))
      return false;
    if (!JS_IsFunction(ctx, callback)) {
      JS_FreeValue(ctx, callback);
      return true;
    }
    JSValue returned = JS_Call(ctx, callback, JS_UNDEFINED, 0, NULL);
    JS_FreeValue(ctx, callback);
    if (JS_IsException(returned))
      return false;
    JS_FreeValue(ctx, returned);
  }
}

// poll(bytes of struct pollfd, milliseconds): how many are ready.
NATIVE(wait_for) {
  uint8_t *bytes;
  size_t length;
  double milliseconds;
  if (!take_bytes(ctx, argv[0], &bytes, &length) || JS_ToFloat64(ctx, &milliseconds, argv[1]) < 0)
    return JS_EXCEPTION;
  struct timespec limit = {.tv_sec = (time_t)(milliseconds / 1000)};
  limit.tv_nsec = (long)((milliseconds - (double)limit.tv_sec * 1000) * 1e6);
  int ready = ppoll((struct pollfd *)(void *)bytes, length / sizeof(struct pollfd),
                    milliseconds < 0 ? NULL : &limit, NULL);
  return result_value(ctx, ready < 0 && errno == EINTR ? 0 : ready);
}

// Where signals are written to, each as one byte.
static int signal_pipe = -1;

static void note_signal(int number) {
  int before = errno;
  unsigned char byte = (unsigned char)number;
  // A full pipe has enough of them.
  if (write(signal_pipe, &byte, 1) < 0)
    errno = before;
  errno = before;
}

// The descriptor that signals are read from.
NATIVE(open_signals) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
    return result_value(ctx, -1);
  signal_pipe = ends[1];
  return JS_NewInt32(ctx, ends[0]);
}

// catch(number, whether)
NATIVE(catch_signal) {
  int number, caught;
  if (!take_int(ctx, argv[0], &number) || !take_int(ctx, argv[1], &caught))
    return JS_EXCEPTION;
  struct sigaction action = {.sa_flags = SA_RESTART};
  action.sa_handler = caught ? note_signal : SIG_DFL;
  sigfillset(&action.sa_mask);
  return result_value(ctx, sigaction(number, &action, NULL));
}

// Called with a promise, its reason, and whether it is handled: a rejection that nobody handles ends the
// program.
static void tell_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool is_handled,
                           void *opaque) {
  (void)opaque;
  JSValue global = JS_GetGlobalObject(ctx);
  JSValue host = JS_GetPropertyStr(ctx, global, "tsrunHost");
  JSValue hear = JS_GetPropertyStr(ctx, host, "rejected");
  if (JS_IsFunction(ctx, hear)) {
    JSValueConst told[] = {promise, reason, JS_NewBool(ctx, is_handled)};
    JS_FreeValue(ctx, JS_Call(ctx, hear, JS_UNDEFINED, 3, told));
  }
  JS_FreeValue(ctx, hear);
  JS_FreeValue(ctx, host);
  JS_FreeValue(ctx, global);
}

void loop_functions(JSContext *ctx, JSValue host) {
  add_function(ctx, host, "poll", wait_for, 2);
  add_function(ctx, host, "openSignals", open_signals, 0);
  add_function(ctx, host, "catchSignal", catch_signal, 2);
  JS_SetHostPromiseRejectionTracker(JS_GetRuntime(ctx), tell_rejection, NULL);
}
