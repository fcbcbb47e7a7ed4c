/** A volume in which another process exchanges a directory for a link to the host, while containers mount, mask and begin in it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isTsrunError } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { makeCanary } from './canary.js'

/** 30 seconds each night. */
const RACE_MS = effort.times > 1 ? 30_000 : 3000
const skip = { skip: missing('root', 'busybox', 'cc'), timeout: 180_000 }

const EXPECTED = /^(?:exit [0-9]+|ERR_LAUNCH_OP|ERR_LAUNCH_EXEC|ERR_SAFETY_PATH|ERR_SAFETY_CWD)$/

t.test('a volume whose directories become links meanwhile', skip, async t => {
  const box = makeBundle(t)
  const canary = makeCanary(box.directory)
  const volume = join(box.directory, 'volume')
  mkdirSync(join(volume, 'at/sub'), { recursive: true })
  symlinkSync(`${'../'.repeat(24)}${canary.path.slice(1)}`, join(volume, 'link'))
  const program = join(box.directory, 'swap')
  const source = join(import.meta.dirname, 'swap.c')
  t.equal(spawnSync(process.env.CC ?? 'cc', ['-O2', '-o', program, source], { stdio: 'inherit' }).status, 0)
  const script = 'cat file null sub/file; ls -R /volume; echo written > file; echo written > /volume/at/sub/new; exit 0'
  const asked = [
    { mounts: [{ destination: '/volume/at/sub', type: 'tmpfs', source: 'tmpfs' }], masked: [], cwd: '/' },
    { mounts: [{ destination: '/volume/at/new', type: 'tmpfs', source: 'tmpfs' }], masked: [], cwd: '/' },
    { mounts: [], masked: ['/volume/at/sub', '/volume/at/file'], cwd: '/' },
    { mounts: [], masked: [], cwd: '/volume/at' },
    { mounts: [], masked: [], cwd: '/volume/at/made' },
  ]
  const swapper = spawn(program, [join(volume, 'at'), join(volume, 'link'), String(RACE_MS)], { stdio: 'inherit' })
  t.teardown(() => void swapper.kill('SIGKILL'))
  const ended = once(swapper, 'exit')
  const answers = new Map<string, number>()
  for (let round = 0; swapper.exitCode === null && swapper.signalCode === null; round++) {
    const { mounts, masked, cwd } = asked[round % asked.length] ?? { mounts: [], masked: [], cwd: '/' }
    box.configure(config => {
      config.process.args = ['/bin/sh', '-c', script]
      config.process.cwd = cwd
      config.mounts.push({ destination: '/volume', source: volume, options: ['bind'] }, ...mounts)
      config.linux.maskedPaths = masked
    })
    const answer = await box.runtime.run({ bundle: box.bundle, timeout: 30_000 }).then(
      ({ exitCode, stdout }) => (stdout.includes('content of') ? 'saw the host' : `exit ${exitCode}`),
      (error: unknown) => {
        if (isTsrunError(error)) return error.code
        throw error
      },
    )
    answers.set(answer, (answers.get(answer) ?? 0) + 1)
  }
  t.same((await ended)[0], 0, 'the exchange went on to its end')
  for (const answer of answers.keys()) t.match(answer, EXPECTED)
  t.comment(JSON.stringify([...answers]))
  t.ok(answers.size > 0, 'containers were made, or refused')
  t.same(canary.differences(), [], 'the host is as it was')
})
