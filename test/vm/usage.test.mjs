/** What results tell of what was used, from cgroups of version 2 with all controllers, and from scopes that are gone by then. */
import assert from 'node:assert/strict'
import { configOf, newId, outputOf, rootfs, runtime, systemd } from './box.mjs'
import { test } from './tap.mjs'

const MiB = 1024 * 1024
const command = 'dd if=/dev/zero of=/dev/null bs=24M count=4'

/** memory.peak is of Linux 5.19. */
function check({ cpuTime, peakMemory, wallTime }, { mayBeGone = false } = {}) {
  assert.ok(cpuTime.total > 0 && cpuTime.total < 600_000, `${cpuTime.total} ms`)
  const isUnknown = mayBeGone && peakMemory === null
  assert.ok(isUnknown || (peakMemory > 20 * MiB && peakMemory < 200 * MiB), `${peakMemory} bytes`)
  assert.ok(wallTime > 0)
}

test('the cgroup of a container tells CPU time and the most memory', async () => {
  check((await outputOf(command)).usage)
  check((await runtime.run({ config: configOf(command), rootfs, id: newId() })).usage)
})

test('of a scope, which systemd removes at its end, CPU time is known in any case', async () => {
  for (let times = 0; times < 4; times++) check((await outputOf(command, { by: systemd })).usage, { mayBeGone: true })
})

test('a process that is executed and killed for the limit of the container says so', async () => {
  const linux = { resources: { memory: { limit: 32 * MiB, swap: 32 * MiB } } }
  const container = await runtime.create({ id: newId(), config: configOf(null, linux), rootfs, stdio: 'ignore' })
  try {
    await container.start()
    const { signal, oomKilled } = await container.run({ args: ['/bin/tail', '/dev/zero'] })
    assert.deepEqual({ signal, oomKilled }, { signal: 'SIGKILL', oomKilled: true })
  } finally {
    await container.delete({ force: true })
  }
})
