/**
 * Tests that are known to fail now and then, to be repaired until a date. They count like all others, so that a failure is never
 * passed over: the list tells those who see one that it is known. test/style/flaky.test.ts fails after that date.
 */
export interface Flaky {
  /** Below test/, such as `integration/exec.test.ts`. */
  readonly file: string
  /** The title, or the part of it that does not change. */
  readonly title: string
  /** What it depends on that it should not. */
  readonly reason: string
  /** The last day, such as `2026-12-31`. At most 30 days from when the entry was made. */
  readonly until: string
}

export const FLAKY: readonly Flaky[] = []
