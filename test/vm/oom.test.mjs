/** Out of memory in a container ends the container's processes, and never this one. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { cgroupOf, configOf, newId, read, rootfs, runtime, systemd } from './box.mjs'
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

const KiB = 1024

/** A container of which the files take some memory, in a cgroup of its own below `parent`. */
async function createFull(by, parent) {
  const id = newId()
  const cgroupsPath = by === systemd ? `${parent}:tsrun:${id}` : `/${parent}/${id}`
  const config = configOf('head -c 8000000 /dev/zero > /dev/fill; echo full; sleep 1000', { cgroupsPath })
  const container = await by.create({ id, config, rootfs, stdio: ['ignore', 'pipe', 'ignore'] })
  const isFull = new Promise(resolve => container.stdout.once('data', resolve))
  await container.start()
  await isFull
  return container
}

const parents = [
  { by: runtime, manager: 'cgroupfs', parent: 'tsrun-full' },
  { by: systemd, manager: 'systemd', parent: 'tsrunfull.slice' },
]

/** What has no room dies, or takes another one with it: whatever the kernel chooses, it is of the container. */
const allowed = error => {
  assert.match(String(error.code), /^ERR_(LAUNCH|CGROUP|STATE)/, String(error))
  return null
}

for (const { by, manager, parent } of parents) {
  test(`creates and execs in a cgroup that is full, ${manager}`, async () => {
    for (let round = 0; round < 3; round++) {
      const container = await createFull(by, parent)
      try {
        const full = dirname(cgroupOf(container.pid))
        writeFileSync(`${full}/memory.max`, String(Number(read(full, 'memory.current')) + 64 * KiB))
        const second = by === systemd ? `${parent}:tsrun:${newId()}` : `/${parent}/${newId()}`
        // It stays, and so do they, until one of them is in the way of the next: the limit is met at any of the steps.
        for (const pid of await container.processes()) writeFileSync(`/proc/${pid}/oom_score_adj`, '-900')
        for (let i = 0; i < 30; i++) {
          await container.exec({ args: ['/bin/sleep', '1000'], stdio: 'ignore' }).catch(allowed)
        }
        const config = configOf(null, { cgroupsPath: second })
        const other = await by.create({ id: newId(), config, rootfs, stdio: 'ignore' }).catch(allowed)
        await other?.delete({ force: true })
        assert.match(read(full, 'memory.events'), /^oom_kill [1-9]/m)
        writeFileSync(`${full}/memory.max`, 'max')
      } finally {
        await container.delete({ force: true })
      }
    }
    assert.equal(ballast[MiB], 1, 'and this one lives')
  })
}
