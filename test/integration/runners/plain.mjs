/** A test without the library: what the runner itself has open in the end. */
const { expect, test } = globalThis

test('nothing', () => {
  expect(1).toBe(1)
})
