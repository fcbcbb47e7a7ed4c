/** Profiles of AppArmor, which the kernel has. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { loadProfile, removeProfile } from './apparmor.mjs'
import { configOf, newId, rootfs, runtime, withSleeper } from './box.mjs'
import { test } from './tap.mjs'

const PROFILE = 'tsrun-box'
const labelOf = pid => readFileSync(`/proc/${pid}/attr/apparmor/current`, 'utf8').trim()

test('the process has the AppArmor profile that is named', async () => {
  loadProfile(PROFILE)
  try {
    const more = { process: { apparmorProfile: PROFILE } }
    await withSleeper({ more }, async container => {
      assert.equal(labelOf(container.pid), `${PROFILE} (unconfined)`)
      const added = await container.exec({ args: ['/bin/sleep', '1000'], stdio: 'ignore' })
      assert.equal(labelOf(added.pid), `${PROFILE} (unconfined)`)
    })
    await withSleeper({}, async ({ pid }) => assert.equal(labelOf(pid), 'unconfined'))
  } finally {
    removeProfile(PROFILE)
  }
})

test('an AppArmor profile that is not loaded is an error that names the field', async () => {
  const config = configOf(null, {}, { process: { apparmorProfile: 'tsrun-nowhere' } })
  await assert.rejects(runtime.create({ id: newId(), config, rootfs, stdio: 'ignore' }), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/process/apparmorProfile',
    errno: 'ENOENT',
  })
})
