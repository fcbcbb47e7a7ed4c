/** A user who is root of a user namespace already, as rootless Podman makes one and runs its containers there. */
import t from 'tap'
import type { TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

/** No user namespace of its own, and as on hosts with cgroup version 1 none for cgroups. */
function inherit({ linux }: TestConfig): void {
  linux.namespaces = (linux.namespaces ?? []).filter(({ type }) => type !== 'user' && type !== 'cgroup')
  delete linux.uidMappings
  delete linux.gidMappings
}

t.test(
  'its containers need no user namespace, see the cgroups that they are in, and their state is the user’s',
  skip,
  async t => {
    const { configure, script, directory, command, prefix } = makeRootlessBundle(t)
    configure('id -u; ls /sys/fs/cgroup | grep -c .', inherit)
    const inside = `${command} create ${prefix} </dev/null >out 2>err; ls ${directory}/run/tsrun; ${command} start ${prefix}
    for i in $(seq 200); do ${command} state ${prefix} | grep stopped >/dev/null && break; sleep 0.1; done; ${command} delete ${prefix}; cat out`
    const { status, stdout, stderr } = script(`unshare -Urm sh -c '${inside}'`)
    t.equal(status, 0, stderr)
    const [kept, uid, entries] = stdout.trim().split('\n')
    t.same([kept, uid], [prefix, '0'], stdout)
    t.ok(Number(entries) > 0, 'it sees cgroups')
  },
)

t.test('rules for devices do without a cgroup, and limits do not', skip, async t => {
  const { configure, script, command } = makeRootlessBundle(t)
  const inside = (name: string) => script(`unshare -Urm sh -c '${command} run ${name} </dev/null'`)
  const devices = [{ allow: false, access: 'rwm' }]
  configure('echo ran', config => {
    inherit(config)
    config.linux.resources = { devices }
  })
  const { stdout, stderr } = inside('one')
  t.equal(stdout, 'ran\n', stderr)
  configure('echo ran', config => {
    inherit(config)
    config.linux.resources = { devices, pids: { limit: 5 } }
  })
  t.match(inside('two').stderr, 'needs cgroups, for /linux/resources/pids/limit')
})

t.test('who says to be root keeps the state where root does', skip, async t => {
  const { configure, script, command } = makeRootlessBundle(t)
  configure('true', inherit)
  const { status, stderr } = script(`USER=root unshare -Urm ${command} run c`)
  t.equal(status, 1)
  t.match(stderr, /mkdir.*\/run\/tsrun.*EACCES/)
})
