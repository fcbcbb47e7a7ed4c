/** Sandboxes of a user without any privilege, with the limits that systemd lets that user have. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { asUser } from './box.mjs'
import { test } from './tap.mjs'

const script = fileURLToPath(new URL('user-sandbox.mjs', import.meta.url))

test('the example of the design, with all of its limits, in a scope of the user', () => {
  const { text } = asUser('systemd-run', '--user', '--scope', '--quiet', '-p', 'Delegate=yes', process.execPath, script)
  const { result, changes, isolation, uid, memory, cpu, late, denied, left } = JSON.parse(text)
  assert.notEqual(uid, 0)
  assert.deepEqual([result?.verdict, result?.stdout], ['ok', 'read by sh\n'], text)
  assert.deepEqual(isolation, { level: 'full', missing: [] })
  assert.deepEqual(changes, ['added /work/a.txt', 'added /work/out.txt'])
  assert.ok(result.usage.peakMemory > 0)
  assert.deepEqual([memory, cpu, late, denied], ['memory', 'timeout', 'timeout', 'denied'])
  assert.deepEqual(left, [])
})

test('elsewhere the error says how to get there', () => {
  const { error } = JSON.parse(asUser(process.execPath, script).text)
  assert.equal(error.code, 'ERR_HOST_CGROUP')
  assert.match(error.remedy, /systemd-run --user --scope/)
})
