// The standalone executable: QuickJS-ng, and what it has of Node's modules below lib/quickjs.
#ifndef TSRUN_ENGINE_H
#define TSRUN_ENGINE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Of the engine, which has warnings of its own.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <quickjs.h>
#pragma GCC diagnostic pop

// What a function of the engine's gets and gives back.
#define NATIVE(name)                                                                                         \
  static JSValue name(JSContext *ctx, JSValueConst self __attribute__((unused)),                             \
                      int argc __attribute__((unused)), JSValueConst *argv __attribute__((unused)))

// heap.c
extern const JSMallocFunctions heap_functions;
// True: the program was loaded when the executable was built.
bool heap_is_loaded(void);
// Where what is kept of the loaded program begins.
struct loaded {
  JSContext *context;
  JSValue next;
};
struct loaded *heap_loaded(void);
// Before anything runs. False: there is not enough memory to undo what would be begun.
bool heap_begin(void);
void heap_fill_gaps(JSContext *ctx);
// Writes the image of the heap to a new file; nothing may be allocated before.
int heap_save(const char *path);

// loop.c
void loop_functions(JSContext *ctx, JSValue host);
// Runs what is due until nothing is left to wait for; false: with an exception.
bool loop_run(JSContext *ctx, JSValueConst next);
bool loop_drain(JSContext *ctx);

void file_functions(JSContext *ctx, JSValue host);
void process_functions(JSContext *ctx, JSValue host);
void text_functions(JSContext *ctx, JSValue host);
// Those of native/sys and libseccomp (made by scripts/standalone/calls.mjs).
void call_functions(JSContext *ctx, JSValue calls);

// main.c
extern int program_argc;
extern char **program_argv;

// An int of JavaScript's; false: an exception has been thrown.
bool take_int(JSContext *ctx, JSValueConst value, int *taken);
bool take_uint32(JSContext *ctx, JSValueConst value, uint32_t *taken);
bool take_size(JSContext *ctx, JSValueConst value, size_t *taken);
// The bytes of a Uint8Array; NULL: of null. An exception has been thrown if it returns false.
bool take_bytes(JSContext *ctx, JSValueConst value, uint8_t **taken, size_t *length);
// A text ended by NUL; to be freed with drop_text. Also a Uint8Array, or null.
bool take_text(JSContext *ctx, JSValueConst value, const char **taken);
void drop_text(JSContext *ctx, JSValueConst value, const char *taken);

// A path, which has no NUL in it.
#define WITH_PATH(path, call)                                                                                \
  do {                                                                                                       \
    const char *path;                                                                                        \
    if (!take_text(ctx, argv[0], &path))                                                                     \
      return JS_EXCEPTION;                                                                                   \
    long came = (call);                                                                                      \
    int failed = errno;                                                                                      \
    drop_text(ctx, argv[0], path);                                                                           \
    return JS_NewInt64(ctx, came < 0 ? -failed : came);                                                      \
  } while (0)

static inline JSValue result_value(JSContext *ctx, long came) {
  return JS_NewInt64(ctx, came < 0 ? -errno : came);
}

void add_function(JSContext *ctx, JSValue object, const char *name, JSCFunction *function, int length);

#endif
