/** The tests of limits that a machine with cgroup v1 has to leave out (test/cgroup/unified.test.ts), by the same file. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from './tap.mjs'

const view = fileURLToPath(new URL('../cgroup/unified-limits-view.ts', import.meta.url))
/** Node needs minutes for the tools of the tests alone where it is emulated. */
const LONGEST_MS = 8 * 60_000

test('limits are written in the words of version 2, raised and lowered', () => {
  const child = spawnSync(process.execPath, ['--import', 'tsx', view], { encoding: 'utf8', timeout: LONGEST_MS })
  assert.equal(child.status, 0, child.stdout + child.stderr)
  assert.match(child.stdout, /^# \{ total: \d+, pass: \d+ \}$/m, 'none of them was skipped')
})
