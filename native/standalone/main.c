// The standalone executable. As Node does it: no standard descriptor is missing, what the caller ignored is
// not ignored, and SIGPIPE and SIGXFSZ are errors of a write.
#include "engine.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

enum { FAILURE = 1 };

// Of the usual 8 MiB; of less, half: the C library and the kernel take from it too.
static const size_t STACK_LIMIT = 2 << 20;
static const size_t LEAST_STACK = 64 << 10;
// Most commands end before anything is worth collecting.
static const size_t COLLECT_AFTER = 32 << 20;

int program_argc;
char **program_argv;

void add_function(JSContext *ctx, JSValue object, const char *name, JSCFunction *function, int length) {
  JS_SetPropertyStr(ctx, object, name, JS_NewCFunction(ctx, function, name, length));
}

static void print_error(const char *text) {
  size_t length = strlen(text);
  if (write(STDERR_FILENO, text, length) < 0)
    return; // Nobody can be told.
}

// What nothing in the program has caught is a bug, or the memory is used up.
static int fail_with_exception(JSContext *ctx) {
  JSValue error = JS_GetException(ctx);
  const char *text = JS_ToCString(ctx, error);
  JSValue stack = JS_IsError(error) ? JS_GetPropertyStr(ctx, error, "stack") : JS_UNDEFINED;
  const char *lines = JS_IsString(stack) ? JS_ToCString(ctx, stack) : NULL;
  print_error("tsrun: ");
  print_error(text ? text : "out of memory");
  print_error("\n");
  if (lines)
    print_error(lines);
  return FAILURE;
}

static int open_standard_descriptors(void) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
      return -1;
  return 0;
}

// What the caller has left open for a container lies below the first epoll instance: that is how the command
// tells it from what the program opens (lib/cli/commands/preserved-fds.ts), since Node begins with one.
static void mark_end_of_inherited(void) {
  if (epoll_create1(EPOLL_CLOEXEC) < 0)
    return; // Without a free descriptor nothing below has one either, and says so.
}

static JSContext *make_context(void) {
  JSRuntime *runtime = JS_NewRuntime2(&heap_functions, NULL);
  JSContext *ctx = runtime ? JS_NewContext(runtime) : NULL;
  if (!ctx || JS_AddIntrinsicDOMException(ctx) < 0)
    return NULL;
  JSValue global = JS_GetGlobalObject(ctx);
  JSValue host = JS_NewObject(ctx);
  JSValue calls = JS_NewObject(ctx);
  file_functions(ctx, host);
  process_functions(ctx, host);
  text_functions(ctx, host);
  loop_functions(ctx, host);
  call_functions(ctx, calls);
  JS_SetPropertyStr(ctx, host, "calls", calls);
  JS_SetPropertyStr(ctx, host, "engine", JS_NewString(ctx, JS_GetVersion()));
  JS_SetPropertyStr(ctx, global, "tsrunHost", host);
  JS_FreeValue(ctx, global);
  return ctx;
}

static char *read_all(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  struct stat status;
  if (!file || fstat(fileno(file), &status) < 0)
    return NULL;
  *length = (size_t)status.st_size;
  char *text = malloc(*length + 1);
  if (!text || fread(text, 1, *length, file) != *length)
    return NULL;
  text[*length] = 0;
  fclose(file);
  return text;
}

// The program as bytecode, without its text: made in a heap of its own, since parsing takes far more than
// what comes of it.
static uint8_t *compile(const char *path, size_t *length) {
  char *text = read_all(path, length);
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *ctx = runtime ? JS_NewContext(runtime) : NULL;
  if (!text || !ctx)
    return NULL;
  int flags = JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT | JS_EVAL_FLAG_COMPILE_ONLY;
  JSValue program = JS_Eval(ctx, text, *length, "tsrun.js", flags);
  if (JS_IsException(program)) {
    fail_with_exception(ctx);
    return NULL;
  }
  return JS_WriteObject(ctx, length, program, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
}

// Loads the program and saves the heap.
static int load(const char *script, const char *output) {
  size_t length;
  uint8_t *bytecode = compile(script, &length);
  JSContext *ctx = make_context();
  if (!bytecode || !ctx) {
    print_error("tsrun: the program cannot be loaded\n");
    return FAILURE;
  }
  JSRuntime *runtime = JS_GetRuntime(ctx);
  JS_SetMaxStackSize(runtime, STACK_LIMIT);
  JSValue program = JS_ReadObject(ctx, bytecode, length, JS_READ_OBJ_BYTECODE);
  JSValue next = JS_IsException(program) ? program : JS_EvalFunction(ctx, program);
  if (JS_IsException(next) || !loop_drain(ctx))
    return fail_with_exception(ctx);
  JS_RunGC(runtime);
  JS_SetGCThreshold(runtime, COLLECT_AFTER);
  heap_fill_gaps(ctx);
  *heap_loaded() = (struct loaded){.context = ctx, .next = next};
  if (heap_save(output) == 0)
    return 0;
  print_error("tsrun: the image cannot be written\n");
  return FAILURE;
}

struct loading {
  ucontext_t caller;
  ucontext_t own;
  char **paths;
  int status;
};

static void load_on_stack(unsigned int high, unsigned int low) {
  struct loading *loading = (struct loading *)((uintptr_t)high << 32 | low);
  loading->status = load(loading->paths[0], loading->paths[1]);
}

// Only in the executable that the build has not finished yet. The engine notes where its stack is, so that it
// has one at an address of its own: the same program gives the same image.
static int load_alike(char **paths) {
  void *place = (void *)((uintptr_t)1 << 36);
  size_t size = 2 * STACK_LIMIT;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  struct loading loading = {.paths = paths, .status = FAILURE};
  if (mmap(place, size, PROT_READ | PROT_WRITE, flags, -1, 0) != place || getcontext(&loading.own) < 0) {
    print_error("tsrun: there is no place for a stack\n");
    return FAILURE;
  }
  loading.own.uc_stack = (stack_t){.ss_sp = place, .ss_size = size};
  loading.own.uc_link = &loading.caller;
  uintptr_t pointer = (uintptr_t)&loading;
  makecontext(&loading.own, (void (*)(void))load_on_stack, 2, (unsigned int)(pointer >> 32),
              (unsigned int)pointer);
  return swapcontext(&loading.caller, &loading.own) < 0 ? FAILURE : loading.status;
}

// 0: with less there is not even room for an error.
static size_t stack_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur / 2 >= STACK_LIMIT)
    return STACK_LIMIT;
  return limit.rlim_cur < LEAST_STACK ? 0 : limit.rlim_cur / 2;
}

static int run(void) {
  struct loaded *loaded = heap_loaded();
  JSContext *ctx = loaded->context;
  JSRuntime *runtime = JS_GetRuntime(ctx);
  size_t stack = stack_limit();
  if (stack == 0) {
    print_error("tsrun: the limit of the stack (ulimit -s) is below 64 KiB\n");
    return FAILURE;
  }
  if (!heap_begin()) {
    print_error("tsrun: out of memory\n");
    return FAILURE;
  }
  JS_SetMaxStackSize(runtime, stack);
  JS_UpdateStackTop(runtime);
  return loop_run(ctx, loaded->next) ? 0 : fail_with_exception(ctx);
}

static void default_signals(void) {
  for (int number = 1; number < NSIG; number++)
    if (number != SIGKILL && number != SIGSTOP)
      signal(number, number == SIGPIPE || number == SIGXFSZ ? SIG_IGN : SIG_DFL);
}

int main(int argc, char **argv) {
  program_argc = argc;
  program_argv = argv;
  if (open_standard_descriptors() < 0)
    return FAILURE;
  mark_end_of_inherited();
  default_signals();
  if (heap_is_loaded())
    return run();
  if (argc == 3)
    return load_alike(argv + 1);
  print_error("tsrun: this executable has no program in it: build it with npm run build:standalone\n");
  return FAILURE;
}
