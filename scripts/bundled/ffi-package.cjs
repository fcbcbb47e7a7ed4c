/** In place of lib/sys/ffi-package.ts: the package is part of the bundle, and still not run before it is needed. */
exports.loadFfi = () => require('ffi-napi')
