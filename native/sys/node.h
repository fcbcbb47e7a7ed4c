// What we use of Node-API and libuv. Declared here, so that nobody needs Node's headers to compile us; weak,
// since programs that are not Node load the library too.
#ifndef TSRUN_NODE_H
#define TSRUN_NODE_H

#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_ref__ *napi_ref;
typedef struct napi_handle_scope__ *napi_handle_scope;
typedef struct napi_callback_info__ *napi_callback_info;
typedef struct napi_async_context__ *napi_async_context;
typedef struct napi_async_cleanup_hook_handle__ *napi_async_cleanup_hook_handle;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
typedef void (*napi_async_cleanup_hook)(napi_async_cleanup_hook_handle, void *);
// 0: it worked.
typedef int napi_status;

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_poll_s uv_poll_t;
enum { UV_POLL = 8, UV_READABLE = 1 };

#define OF_NODE __attribute__((weak)) extern

OF_NODE napi_status napi_get_uv_event_loop(napi_env, uv_loop_t **);
OF_NODE napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *,
                                     void **);
OF_NODE napi_status napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
OF_NODE napi_status napi_create_reference(napi_env, napi_value, uint32_t, napi_ref *);
OF_NODE napi_status napi_delete_reference(napi_env, napi_ref);
OF_NODE napi_status napi_get_reference_value(napi_env, napi_ref, napi_value *);
OF_NODE napi_status napi_create_int64(napi_env, int64_t, napi_value *);
OF_NODE napi_status napi_open_handle_scope(napi_env, napi_handle_scope *);
OF_NODE napi_status napi_close_handle_scope(napi_env, napi_handle_scope);
OF_NODE napi_status napi_make_callback(napi_env, napi_async_context, napi_value, napi_value, size_t,
                                       const napi_value *, napi_value *);
OF_NODE napi_status napi_get_and_clear_last_exception(napi_env, napi_value *);
OF_NODE napi_status napi_add_async_cleanup_hook(napi_env, napi_async_cleanup_hook, void *,
                                                napi_async_cleanup_hook_handle *);
OF_NODE napi_status napi_remove_async_cleanup_hook(napi_async_cleanup_hook_handle);

OF_NODE size_t uv_handle_size(int);
OF_NODE int uv_poll_init(uv_loop_t *, uv_poll_t *, int);
OF_NODE int uv_poll_start(uv_poll_t *, int, void (*)(uv_poll_t *, int, int));
OF_NODE void uv_close(void *, void (*)(void *));
OF_NODE void uv_ref(void *);
OF_NODE void uv_unref(void *);
OF_NODE void *uv_handle_get_data(const void *);
OF_NODE void uv_handle_set_data(void *, void *);

// Node calls it when it has loaded the library as an add-on.
__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports);

#endif
