/** Out of memory in a container ends the container's processes, and never this one. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { cgroupOf, configOf, newId, read, rootfs, runtime } from './box.mjs'
import { test } from './tap.mjs'

const MiB = 1024 * 1024
/** As many as this machine, which is emulated, does in some minutes; the nightly run has more of them. */
const ROUNDS = Number(process.env.OOM_ROUNDS || 40)
/** More than the container may have: counted for it, this alone would be out of memory. */
const ballast = Buffer.alloc(128 * MiB, 1)

for (const group of [0, 1]) {
  test(`${ROUNDS} creates and execs beside kills for memory, memory.oom.group ${group}`, async () => {
    const eater = ['/bin/sh', '-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); tail -c 64m /dev/zero; done']
    const linux = { resources: { memory: { limit: 16 * MiB, swap: 16 * MiB } } }
    let kills = 0
    for (let round = 0; round < ROUNDS / 10; round++) {
      const config = configOf(null, linux)
      config.process.args = eater
      const container = await runtime.create({ id: newId(), config, rootfs, stdio: 'ignore' })
      try {
        const cgroup = cgroupOf(container.pid)
        writeFileSync(`${cgroup}/memory.oom.group`, String(group))
        await container.start()
        for (let i = 0; i < 9; i++) {
          const added = await container.exec({ args: ['/bin/true'], stdio: 'ignore' }).catch(error => error)
          if (!(added instanceof Error)) await added.wait()
        }
        const count = /^oom_kill (\d+)$/m.exec(read(cgroup, 'memory.events') ?? '')
        kills += Number(count?.[1] ?? 0)
      } finally {
        await container.delete({ force: true })
      }
    }
    assert.ok(kills > 0, `${kills} processes were killed for memory`)
    assert.equal(ballast[MiB], 1, 'and this one lives')
  })
}
