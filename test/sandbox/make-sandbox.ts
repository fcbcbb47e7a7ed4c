import type { Test } from 'tap'
import { Sandbox, type SandboxOptions } from '../../lib/sandbox/index.js'

/** It is stopped when the test is over. */
export async function makeSandbox(t: Test, options: SandboxOptions = {}): Promise<Sandbox> {
  const box = await Sandbox.create(options)
  t.teardown(() => box.stop())
  return box
}
