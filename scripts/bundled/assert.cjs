/** As much of node:assert as ffi-napi and ref-napi use: the module itself takes a millisecond to load. */
function assert(value, message = 'assertion failed') {
  if (!value) throw new Error(message)
}
assert.equal = (actual, expected, message) => assert(actual === expected, message)
assert.strictEqual = assert.equal

module.exports = assert
