/** What a machine allows, on machines that allow less. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Diagnosis, doctor, type Probe, type ProbeName } from '../../lib/sandbox/index.js'
import { tsrun } from '../command.js'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'
import { bySysctl, COVERED_PROCFS } from './withheld.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp', 'user-namespaces') }

const probeOf = ({ probes }: Diagnosis, name: ProbeName): Probe | undefined => probes.find(probe => probe.name === name)

t.test('as root, by the library and by the command', skip, async t => {
  const found = await doctor()
  for (const name of ['user-namespaces', 'procfs', 'overlay', 'cgroups', 'seccomp', 'newuidmap'] as const)
    t.match(probeOf(found, name), { allowed: true, remedy: '' }, name)
  t.match(found, { uid: 0, isolation: { level: 'full', missing: [] }, because: '' })
  t.match(tsrun(['doctor']), { status: 0, stdout: /^sandboxes: full\n(.*\n)*procfs: yes$/m })
  t.same(JSON.parse(tsrun(['doctor', '--json']).stdout), JSON.parse(JSON.stringify(found)))
  t.match(tsrun(['doctor', '--nope']), { status: 1, stderr: /not defined: -nope/ })
})

t.test('an abort is thrown', skip, async t => {
  const reason = new Error('enough')
  await t.rejects(doctor({ signal: AbortSignal.abort(reason) }), reason)
})

t.test('a plain user, on machines that allow less and less', skip, async t => {
  const { directory, command, script } = makeRootlessBundle(t)
  const diagnose = (around: string, before = ':'): Diagnosis =>
    JSON.parse(script(around.replace('DOCTOR', 'tsrun doctor --json'), { before }).stdout)

  const all = diagnose('DOCTOR')
  t.match(all, { uid: 65534, isolation: { level: 'full' } })
  t.match(probeOf(all, 'overlay'), { allowed: true })

  const covered = diagnose('DOCTOR', COVERED_PROCFS)
  t.match(covered.isolation, { level: 'no-procfs' })
  t.match(probeOf(covered, 'procfs'), { allowed: false, because: /too revealing|EPERM/, remedy: /systempaths/ })
  t.match(probeOf(covered, 'seccomp'), { allowed: true })

  const none = diagnose(bySysctl(`${command} doctor --json`))
  t.match(none, { uid: 65534, isolation: null, because: /ENOSPC/ })
  t.match(probeOf(none, 'user-namespaces'), { allowed: false, remedy: /sysctl -w user\.max_user_namespaces/ })
  t.match(probeOf(none, 'overlay'), { allowed: false, because: 'there are no user namespaces' })
  t.same(
    none.probes.filter(({ allowed, remedy }) => !allowed && remedy === ''),
    [],
    'what is not allowed has a remedy',
  )
  t.same(readdirSync(join(directory, 'run/tsrun-sandbox/boxes')), [])
  t.same(readdirSync(join(directory, 'run/tsrun-sandbox/state')), ['.seccomp'], 'but for the filters that it keeps')
})
