/** Checkpoints on a kernel that tracks changes of memory, with AppArmor, and cgroup v2 alone. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadProfile, removeProfile } from './apparmor.mjs'
import { attempt, cgroupOf, configOf, host, newId, rootfs, runtime } from './box.mjs'
import { test } from './tap.mjs'

/** The machine's own CRIU, or that of .ci/newer-criu with the libraries that it is for; null: neither. */
function findCriu() {
  const found = attempt('sh', '-c', 'command -v criu')
  if (found.status === 0) return found.text.trim()
  const folder = '/usr/local/lib/criu-unstable/usr'
  if (!existsSync(folder)) return null
  const wrapper = join(mkdtempSync('/run/tsrun-vm-criu-'), 'criu')
  const libraries = join(folder, 'lib/x86_64-linux-gnu')
  const words = [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries, join(folder, 'sbin/criu')]
  writeFileSync(wrapper, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 })
  return wrapper
}

const criu = findCriu()
const options = criu === null ? { skip: 'no criu here, nor that of .ci/newer-criu' } : {}
const MiB = 1024 * 1024
const LOOP =
  'i=0; while [ $i -lt 6000 ]; do i=$((i + 1)); echo $i > /data/new; busybox mv /data/new /data/count; sleep 0.1; done'
/**
 * Counts in a file of the host, beside some memory that does not change. Who has that memory starts nothing meanwhile: a child that has not called
 * execve yet has all of it too, and a dump in that moment has both.
 */
const COUNTER = `x=$(dd if=/dev/zero bs=1M count=4 | busybox tr "\\0" x); sh -c '${LOOP}' & wait`

function makeCounter(more = {}) {
  const directory = mkdtempSync('/run/tsrun-vm-saved-')
  const data = join(directory, 'data')
  mkdirSync(data)
  const mounts = [{ destination: '/data', type: 'bind', source: data, options: ['bind'] }]
  mkdirSync(join(rootfs, 'data'), { recursive: true })
  const config = configOf(COUNTER, {}, { mounts, ...more })
  const count = () => (existsSync(join(data, 'count')) ? Number(readFileSync(join(data, 'count'), 'utf8')) : 0)
  const goesOn = () => {
    const before = count()
    for (let tries = 0; count() <= before; tries++) {
      assert.ok(tries < 300, `it counts on after ${before}`)
      host('sleep', '0.2')
    }
  }
  return { config, count, goesOn, images: name => join(directory, name) }
}

const pagesIn = directory =>
  readdirSync(directory)
    .filter(name => name.startsWith('pages-'))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

test(
  'after a pre-dump only what has changed is saved, and both together are the container',
  async () => {
    const { config, goesOn, count, images } = makeCounter()
    const id = newId()
    const container = await runtime.create({ id, config, rootfs, stdio: 'ignore' })
    await container.start()
    goesOn()
    const [first, second, third] = ['first', 'second', 'third'].map(images)
    await container.checkpoint({ imagePath: first, preDump: true, criu })
    goesOn()
    await container.checkpoint({ imagePath: second, parentPath: '../first', preDump: true, criu })
    goesOn()
    await container.checkpoint({ imagePath: third, parentPath: '../second', criu })
    const last = count()
    const sizes = [first, second, third].map(pagesIn)
    assert.ok(sizes[0] > 4 * MiB && sizes[1] < 1 * MiB && sizes[2] < 1 * MiB, `bytes of pages: ${sizes.join(', ')}`)
    const restored = await runtime.restore({ id, config, rootfs, imagePath: third, stdio: 'ignore', criu })
    try {
      goesOn()
      assert.ok(count() > last)
      assert.match(cgroupOf(restored.pid), new RegExp(`/${id}$`))
    } finally {
      await restored.delete({ force: true })
    }
  },
  options,
)

test(
  'what is restored has the AppArmor profile that it had, or the one that is named',
  async () => {
    const profiles = ['tsrun-saved', 'tsrun-other']
    profiles.forEach(loadProfile)
    try {
      const { config, goesOn, images } = makeCounter({ process: { apparmorProfile: profiles[0] } })
      const container = await runtime.create({ id: newId(), config, rootfs, stdio: 'ignore' })
      await container.start()
      goesOn()
      await container.checkpoint({ imagePath: images('saved'), criu })
      for (const [profile, more] of [
        [profiles[0], {}],
        [profiles[1], { lsmProfile: `apparmor:${profiles[1]}` }],
      ]) {
        const options = { id: newId(), config, rootfs, imagePath: images('saved'), stdio: 'ignore', criu, ...more }
        const restored = await runtime.restore(options)
        try {
          goesOn()
          const label = readFileSync(`/proc/${restored.pid}/attr/apparmor/current`, 'utf8').trim()
          assert.equal(label, `${profile} (unconfined)`)
        } finally {
          await restored.delete({ force: true })
        }
      }
    } finally {
      profiles.forEach(removeProfile)
    }
  },
  options,
)
