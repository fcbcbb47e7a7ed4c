/** A user without any privilege. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { asUser, attempt, userId } from './box.mjs'
import { test } from './tap.mjs'

const uid = userId
const script = fileURLToPath(new URL('user-scope.mjs', import.meta.url))

test('without root, the scope is one of the manager of the user', () => {
  const { text } = asUser('systemd-run', '--user', '--scope', '--quiet', process.execPath, script)
  const { path, processes, pid, memory, pids } = JSON.parse(text)
  assert.match(path, new RegExp(`/user@${uid}\\.service/user\\.slice/tsrun-user-box\\.scope$`))
  assert.deepEqual(processes, [pid])
  assert.deepEqual([memory, pids], [String(64 * 1024 * 1024), '9'])
  assert.ok(!existsSync(path), 'nothing is left')
})

test('outside of what the manager of the user has, the error says how to get there', () => {
  const { error } = JSON.parse(asUser(process.execPath, script).text)
  assert.equal(error.code, 'ERR_HOST_CGROUP')
  assert.match(error.remedy, /systemd-run --user --scope/)
})

test('without a bus of the user, the error says what is missing', () => {
  const { text } = attempt('runuser', '-u', 'tester', '--', 'env', '-u', 'XDG_RUNTIME_DIR', process.execPath, script)
  const { error } = JSON.parse(text)
  assert.equal(error.code, 'ERR_HOST_CGROUP')
  assert.match(error.remedy, /XDG_RUNTIME_DIR/)
})
