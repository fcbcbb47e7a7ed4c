/** What takes all capabilities, and devices that the machine has modules for. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { attempt, configOf, host, newId, outputOf, rootfs, runtime, withSleeper } from './box.mjs'
import { test } from './tap.mjs'

test('limits are raised above those of the runtime', async () => {
  const { soft, hard } = { soft: 20_000, hard: 30_000 }
  host('prlimit', '--pid', String(process.pid), '--nofile=10000:10000')
  const more = { process: { rlimits: [{ type: 'RLIMIT_NOFILE', soft, hard }] } }
  const { text } = await outputOf('ulimit -Sn; ulimit -Hn', { more })
  assert.equal(text, `${soft}\n${hard}\n`)
})

test('a dummy device is moved to the container with its address, renamed and up', async () => {
  host('ip', 'link', 'add', 'tsr-dummy', 'type', 'dummy')
  try {
    host('ip', 'address', 'add', '192.0.2.7/24', 'dev', 'tsr-dummy')
    const linux = { netDevices: { 'tsr-dummy': { name: 'eth7' } } }
    const { text } = await outputOf('ip -4 -o address show dev eth7; ip link show dev eth7', { linux })
    assert.match(text, /inet 192\.0\.2\.7\/24/)
    assert.match(text, /eth7: <[A-Z,_]*\bUP\b/)
  } finally {
    attempt('ip', 'link', 'delete', 'tsr-dummy')
  }
})

test('one end of a veth pair is moved, so that container and host can talk', async () => {
  host('ip', 'link', 'add', 'tsr-a', 'type', 'veth', 'peer', 'name', 'tsr-b')
  try {
    host('ip', 'address', 'add', '192.0.2.9/24', 'dev', 'tsr-b')
    host('ip', 'address', 'add', '192.0.2.8/24', 'dev', 'tsr-a')
    host('ip', 'link', 'set', 'tsr-a', 'up')
    const raw = ['CAP_NET_RAW']
    const more = { process: { capabilities: { bounding: raw, effective: raw, permitted: raw } } }
    const linux = { netDevices: { 'tsr-b': {} } }
    const { text } = await outputOf('ping -c 1 -W 20 192.0.2.8', { linux, more })
    assert.match(text, /1 packets received/)
  } finally {
    attempt('ip', 'link', 'delete', 'tsr-a')
  }
})

test('a device goes back to the host if create fails', async () => {
  host('ip', 'link', 'add', 'tsr-back', 'type', 'dummy')
  try {
    const linux = { netDevices: { 'tsr-back': { name: 'eth0' } } }
    const config = configOf(null, linux, { process: { args: ['/no/such/program'] } })
    await assert.rejects(runtime.create({ id: newId(), config, rootfs, stdio: 'ignore' }), { name: 'LaunchError' })
    assert.equal(attempt('ip', 'link', 'show', 'tsr-back').status, 0)
  } finally {
    attempt('ip', 'link', 'delete', 'tsr-back')
  }
})

test('an exec of another user has its limits and its priority, also if there may be one process of that user', async () => {
  const rlimits = [
    { type: 'RLIMIT_NOFILE', soft: 20_000, hard: 30_000 },
    { type: 'RLIMIT_NPROC', soft: 1, hard: 1 },
  ]
  const more = { process: { rlimits, oomScoreAdj: -7, scheduler: { policy: 'SCHED_OTHER', nice: -3 } } }
  await withSleeper({ more }, async container => {
    const options = { args: ['/bin/sleep', '1000'], user: { uid: 4242, gid: 4243 }, stdio: 'ignore' }
    const added = await container.exec(options)
    const limits = readFileSync(`/proc/${added.pid}/limits`, 'utf8')
    assert.match(limits, /^Max open files +20000 +30000 /m)
    assert.match(limits, /^Max processes +1 +1 /m)
    assert.equal(readFileSync(`/proc/${added.pid}/oom_score_adj`, 'utf8'), '-7\n')
    assert.match(readFileSync(`/proc/${added.pid}/stat`, 'utf8'), /^(?:\S+ ){18}-3 /)
  })
})
