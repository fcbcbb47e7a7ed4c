/** Signals to more processes than this one may have open, and lists that are longer than one read. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import t from 'tap'
import { closeFd, openDirectory, readBeneath } from '../../lib/sys/beneath.js'
import { makeBundle } from '../bundle.js'
import { execute, type Outcome, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox'), timeout: 120_000 }

t.test('a file is read to its end', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-test-'))
  const text = Array.from({ length: 200_000 }, (_, index) => `${index}\n`).join('')
  writeFileSync(join(folder, 'procs'), text)
  const directory = openDirectory(folder)
  try {
    t.ok(text.length > 1024 * 1024)
    t.equal(readBeneath(directory, 'procs'), text)
  } finally {
    closeFd(directory)
    rmSync(folder, { recursive: true })
  }
})

t.test('all of several hundred processes get a signal, with few descriptors', skip, async t => {
  const PROCESSES = 300
  const box = makeBundle(t)
  const id = box.id()
  mkdirSync(join(box.rootfs, 'data', 'got'))
  box.configure(config => {
    config.root = { path: 'rootfs' }
    config.linux.cgroupsPath = `/${id}`
    // Each waits for the signal in a shell of its own.
    const one = "trap 'echo > /data/got/$0; exit' USR1; echo > /data/got/r$0; sleep 1000 & wait; wait"
    const all = `trap : USR1; for i in $(seq ${PROCESSES}); do sh -c "${one.replaceAll('$', '\\$')}" $i & done; wait; sleep 1000`
    config.process.args = ['/bin/sh', '-c', all.replace('$(seq', '$(busybox seq')]
  })
  const container = await box.runtime.create({ id, bundle: box.bundle, stdio: 'ignore' })
  await container.start()
  const count = (pattern: string): number =>
    Number(spawnSync('sh', ['-c', `ls ${box.rootfs}/data/got | grep -c '${pattern}'`], { encoding: 'utf8' }).stdout)
  await until(() => count('^r') === PROCESSES)
  const kill = (limit: number, signal: string): Outcome => {
    const command = `ulimit -n ${limit}; exec "$0" "$1" --root ${box.runtime.root} kill --all ${id} ${signal}`
    return execute('/bin/sh', ['-c', command, RUNNER, TSRUN])
  }
  // How many are left for the last turn is another number each time; shells ignore SIGWINCH.
  for (const limit of [57, 58, 59, 60, 61, 62, 63])
    t.match(kill(limit, 'WINCH'), { status: 0, stderr: '' }, `${limit} descriptors`)
  t.match(kill(64, 'USR1'), { status: 0, stderr: '' })
  await until(() => count('^[0-9]') === PROCESSES)
  t.equal(count('^[0-9]'), PROCESSES)
  await container.delete({ force: true })
})

/** At most a minute. */
async function until(isSo: () => boolean): Promise<void> {
  for (let left = 600; left > 0 && !isSo(); left--) await new Promise(resolve => setTimeout(resolve, 100))
}
