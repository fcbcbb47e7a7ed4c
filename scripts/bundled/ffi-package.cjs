/** In place of lib/sys/ffi-package.ts: the packages are part of the bundle, and still not run before they are needed. */
exports.loadFfi = () => ({ bindings: require('ffi-napi/lib/bindings'), ref: require('@2060.io/ref-napi') })
