// What the process knows of itself, for lib/quickjs/node-process.ts and node-os.ts.
#include "engine.h"
#include <math.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE "x64"
#elif defined __aarch64__
#define ARCHITECTURE "arm64"
#elif defined __riscv
#define ARCHITECTURE "riscv64"
#endif

static JSValue list_of(JSContext *ctx, char *const *texts, int count) {
  JSValue list = JS_NewArray(ctx);
  for (int i = 0; i < count; i++)
    JS_SetPropertyUint32(ctx, list, (uint32_t)i, JS_NewString(ctx, texts[i]));
  return list;
}

static JSValue pair_of(JSContext *ctx, int64_t first, int64_t second) {
  JSValue list = JS_NewArray(ctx);
  JS_SetPropertyUint32(ctx, list, 0, JS_NewInt64(ctx, first));
  JS_SetPropertyUint32(ctx, list, 1, JS_NewInt64(ctx, second));
  return list;
}

NATIVE(arguments) {
  return list_of(ctx, program_argv, program_argc);
}

NATIVE(environment) {
  int count = 0;
  while (environ[count])
    count++;
  return list_of(ctx, environ, count);
}

NATIVE(working_directory) {
  char *path = getcwd(NULL, 0);
  if (!path)
    return result_value(ctx, -1);
  JSValue value = JS_NewString(ctx, path);
  free(path);
  return value;
}

NATIVE(process_id) {
  return JS_NewInt32(ctx, getpid());
}

NATIVE(parent_id) {
  return JS_NewInt32(ctx, getppid());
}

NATIVE(effective_user) {
  return JS_NewUint32(ctx, geteuid());
}

NATIVE(effective_group) {
  return JS_NewUint32(ctx, getegid());
}

NATIVE(end_process) {
  int status;
  if (!take_int(ctx, argv[0], &status))
    return JS_EXCEPTION;
  _exit(status);
}

// clock(number): seconds and nanoseconds.
NATIVE(read_clock) {
  int clock;
  struct timespec now;
  if (!take_int(ctx, argv[0], &clock))
    return JS_EXCEPTION;
  if (clock_gettime(clock, &now) < 0)
    return result_value(ctx, -1);
  return pair_of(ctx, now.tv_sec, now.tv_nsec);
}

NATIVE(kernel_release) {
  struct utsname names;
  return uname(&names) < 0 ? result_value(ctx, -1) : JS_NewString(ctx, names.release);
}

NATIVE(processor_count) {
  cpu_set_t set;
  return JS_NewInt32(ctx, sched_getaffinity(0, sizeof set, &set) < 0 ? 1 : CPU_COUNT(&set));
}

NATIVE(random_bytes) {
  uint8_t *bytes;
  size_t length;
  if (!take_bytes(ctx, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  return result_value(ctx, getrandom(bytes, length, 0));
}

NATIVE(is_terminal) {
  int fd;
  if (!take_int(ctx, argv[0], &fd))
    return JS_EXCEPTION;
  return JS_NewBool(ctx, isatty(fd) == 1);
}

NATIVE(terminal_size) {
  int fd;
  struct winsize size;
  if (!take_int(ctx, argv[0], &fd))
    return JS_EXCEPTION;
  if (ioctl(fd, TIOCGWINSZ, &size) < 0)
    return result_value(ctx, -1);
  return pair_of(ctx, size.ws_row, size.ws_col);
}

NATIVE(open_file_limit) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return result_value(ctx, -1);
  return limit.rlim_cur == RLIM_INFINITY ? JS_NewFloat64(ctx, HUGE_VAL)
                                         : JS_NewInt64(ctx, (int64_t)limit.rlim_cur);
}

// start(file, its arguments with its name in front, descriptors for 0 to 2): the pid of what has been found
// in PATH. All else of ours is closed by its exec.
NATIVE(start_program) {
  enum { MOST = 1024 };
  char *words[MOST + 1];
  int64_t count;
  int fds[3], pid = 0;
  const char *file;
  if (JS_GetLength(ctx, argv[1], &count) < 0)
    return JS_EXCEPTION;
  if (count > MOST)
    return JS_NewInt32(ctx, -E2BIG);
  for (int i = 0; i < 3; i++)
    if (!take_int(ctx, argv[2 + i], &fds[i]))
      return JS_EXCEPTION;
  if (!take_text(ctx, argv[0], &file))
    return JS_EXCEPTION;
  int taken = 0;
  for (; taken < count; taken++) {
    JSValue word = JS_GetPropertyUint32(ctx, argv[1], (uint32_t)taken);
    words[taken] = (char *)(uintptr_t)JS_ToCString(ctx, word);
    JS_FreeValue(ctx, word);
    if (!words[taken])
      break;
  }
  words[taken] = NULL;
  int failed = ENOMEM;
  if (taken == count) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++)
      posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    failed = posix_spawnp(&pid, file, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
  }
  for (int i = 0; i < taken; i++)
    JS_FreeCString(ctx, words[i]);
  drop_text(ctx, argv[0], file);
  return JS_NewInt32(ctx, failed ? -failed : pid);
}

// What wait(2) says of a child.
NATIVE(wait_for_program) {
  int pid, status;
  if (!take_int(ctx, argv[0], &pid))
    return JS_EXCEPTION;
  if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
    return result_value(ctx, -1);
  return JS_NewInt32(ctx, status);
}

extern uint8_t tsrun_helper[], tsrun_helper_end[];

// The bytes of the init helper, which are not copied.
NATIVE(helper_bytes) {
  return JS_NewUint8Array(ctx, tsrun_helper, (size_t)(tsrun_helper_end - tsrun_helper), NULL, NULL, false);
}

void process_functions(JSContext *ctx, JSValue host) {
  add_function(ctx, host, "arguments", arguments, 0);
  add_function(ctx, host, "environment", environment, 0);
  add_function(ctx, host, "workingDirectory", working_directory, 0);
  add_function(ctx, host, "pid", process_id, 0);
  add_function(ctx, host, "parent", parent_id, 0);
  add_function(ctx, host, "user", effective_user, 0);
  add_function(ctx, host, "group", effective_group, 0);
  add_function(ctx, host, "exit", end_process, 1);
  add_function(ctx, host, "clock", read_clock, 1);
  add_function(ctx, host, "kernelRelease", kernel_release, 0);
  add_function(ctx, host, "processors", processor_count, 0);
  add_function(ctx, host, "random", random_bytes, 1);
  add_function(ctx, host, "isTerminal", is_terminal, 1);
  add_function(ctx, host, "terminalSize", terminal_size, 1);
  add_function(ctx, host, "openFileLimit", open_file_limit, 0);
  add_function(ctx, host, "start", start_program, 5);
  add_function(ctx, host, "wait", wait_for_program, 1);
  add_function(ctx, host, "helper", helper_bytes, 0);
  JS_SetPropertyStr(ctx, host, "architecture", JS_NewString(ctx, ARCHITECTURE));
}
