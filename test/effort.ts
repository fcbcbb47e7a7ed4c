/**
 * How much the tests with random input try. The nightly script (`.ci/nightly`) has them try more, and each night something
 * else; FUZZ_SEED is printed there, and tries the same again.
 */
export const effort = {
  /** Factor of what a test tries. */
  times: Number(process.env.FUZZ_TIMES || 1),
  seed: Number(process.env.FUZZ_SEED || 1),
} as const
