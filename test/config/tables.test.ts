import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { CAPABILITIES, capabilityBit, capabilityNames } from '../../lib/capabilities.js'
import { validateId } from '../../lib/config/container-id.js'
import { anchorOf } from '../../lib/config/issues.js'
import { pointer } from '../../lib/config/json.js'
import { NAMESPACE_FILES, NAMESPACE_FLAGS, NAMESPACE_TYPES } from '../../lib/config/namespaces.js'
import { RLIMIT_NAMES } from '../../lib/config/rlimits.js'

t.test('the capabilities are all that this kernel has', async t => {
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'))
  t.ok(last <= CAPABILITIES.length - 1, 'a newer kernel has capabilities that the table lacks')
  t.equal(CAPABILITIES.length, 41)
  t.equal(capabilityBit('CAP_CHECKPOINT_RESTORE'), 1n << 40n)
  t.equal(capabilityBit('CAP_NONE'), 0n)
  t.same(capabilityNames(0b100001n), ['CAP_CHOWN', 'CAP_KILL'])
})

t.test('the namespaces are those of this kernel', async t => {
  const files = new Set(readdirSync('/proc/self/ns'))
  for (const type of NAMESPACE_TYPES) t.ok(files.has(NAMESPACE_FILES[type]), type)
  const flags = Object.values(NAMESPACE_FLAGS)
  t.equal(new Set(flags).size, flags.length)
})

t.test('the resource limits are those of this kernel, in its order', async t => {
  const lines = readFileSync('/proc/self/limits', 'utf8').trimEnd().split('\n').slice(1)
  t.equal(lines.length, RLIMIT_NAMES.length)
  t.match(lines[RLIMIT_NAMES.indexOf('RLIMIT_NOFILE')], /^Max open files/)
  t.match(lines[RLIMIT_NAMES.indexOf('RLIMIT_RTTIME')], /^Max realtime timeout/)
})

t.test('a container id is a name of its own', async t => {
  for (const id of ['a', '-a', '_', '+a', 'A.b-c_d+9', 'a..', 'x'.repeat(255)]) {
    t.doesNotThrow(() => validateId(id))
  }
  const bad = ['', '.', '..', '.a', 'a/b', '/', 'a b', 'a\n', 'a\0', 'ä', 'a%', 'x'.repeat(256), undefined, 1, ['a']]
  for (const id of bad) {
    t.throws(() => validateId(id as string), { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/id' }] })
  }
})

t.test('an anchor is that of the nearest field above', async t => {
  t.equal(anchorOf(''), 'config.md')
  t.equal(anchorOf('/linux/namespaces/0/type'), 'config-linux.md#namespaces')
  t.equal(anchorOf('/linux/resources/memory/swap'), 'config-linux.md#memory')
  t.equal(anchorOf('/linux/somethingNew'), 'config-linux.md')
  t.equal(anchorOf('/mounts/3/options/1'), 'config.md#linux-mount-options')
})

t.test('pointers escape as RFC 6901 says', async t => {
  t.equal(pointer('/a', 'b/c', 0, 'd~1', ''), '/a/b~1c/0/d~01/')
})
