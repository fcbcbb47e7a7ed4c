import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

t.test('config-linux.md#seccomp: a filter that even denies to exit never lets the container spin', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  const denyAll = (noNewPrivileges: boolean) =>
    configure(config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] }
    })
  denyAll(false)
  await t.rejects(
    runtime.run({ bundle, timeout: 60_000 }),
    { name: 'LaunchError' },
    'loaded before the program is looked for',
  )
  denyAll(true)
  // Nothing can be reported any more, so the kernel's word for it has to do.
  t.match(await runtime.run({ bundle, timeout: 60_000 }), { exitCode: null, signal: String, timedOut: false })
})
