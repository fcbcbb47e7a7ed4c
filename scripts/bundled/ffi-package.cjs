/**
 * In place of lib/sys/ffi-package.ts: the add-ons of the packages without the JavaScript around them, which takes longer to run
 * than the add-ons to load. Still not before they are needed.
 */
exports.loadFfi = () => {
  const ref = require('add-on:ref-napi')()
  const bindings = require('add-on:ffi-napi')().initializeBindings(ref.instance)
  const writePointer = (buffer, offset, to) => ref._writePointer(buffer, offset, to, true)
  return { bindings, ref: { address: ref.address, readPointer: ref.readPointer, writePointer } }
}
