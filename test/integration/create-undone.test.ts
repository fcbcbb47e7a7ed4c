/** A create that fails leaves nothing: neither its id, nor a cgroup, nor a descriptor. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import { createRuntime } from '../../lib/index.js'
import { leftovers, makeBundle } from '../bundle.js'
import { execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox'), timeout: 120_000 }

t.test('a cgroupsPath that is longer than a path can be', skip, async t => {
  const box = makeBundle(t)
  const id = box.id()
  box.configure(config => {
    config.linux.cgroupsPath = `/${id}${`/${'x'.repeat(60)}`.repeat(70)}`
  })
  await t.rejects(box.runtime.create({ id, bundle: box.bundle }), { message: /ENAMETOOLONG/ })
  t.same(stateOf(box.runtime.root), [])
  t.same(leftovers(id), [])
})

/** The ids that are taken. */
function stateOf(root: string): string[] {
  try {
    return readdirSync(root).filter(name => !name.startsWith('.'))
  } catch {
    return [] // nothing has ever been made
  }
}

/** The host's cgroups as a single hierarchy of version 2, for a command and what it starts. */
const UNIFIED = 'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup'

const views = [
  { view: 'as the host has it', around: ['/bin/sh', '-c'], first: ':', needs: [] },
  { view: 'cgroup version 2', around: ['unshare', '-m', '/bin/sh', '-c'], first: UNIFIED, needs: ['cgroup-v2'] },
] as const

for (const { view, around, first, needs } of views) {
  const [program, ...before] = around
  t.test(
    `a process that runs out of descriptors, ${view}`,
    { ...skip, skip: missing('root', 'busybox', ...needs) },
    async t => {
      const box = makeBundle(t)
      const id = box.id()
      box.configure(config => {
        config.process.args = ['/bin/sleep', '1000']
        config.linux.cgroupsPath = `/${id}`
      })
      const call = (limit: number, verb: string) => {
        const command = `${first} && ulimit -n ${limit} && exec "$0" "$1" --root ${box.runtime.root} ${verb} ${id} < /dev/null > /dev/null`
        return execute(program, [...before, command, RUNNER, TSRUN], { cwd: box.bundle })
      }
      let failed = 0
      for (let limit = 18; limit <= 66; limit += 3) {
        const { status } = call(limit, 'create')
        if (status !== 0) failed++
        if (status === 0) t.equal(call(1024, 'delete --force').status, 0)
        t.same(stateOf(box.runtime.root), [], `nothing is left with ${limit} descriptors, status ${status}`)
        t.same(leftovers(id), [])
      }
      t.ok(failed > 0, `${failed} of them failed`)
    },
  )
}

t.test('a run whose start fails leaves no descriptor open', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['/no/such']
  })
  const runtime = createRuntime({ root: box.runtime.root })
  const count = (): number => readdirSync('/proc/self/fd').length
  const once = () => t.rejects(runtime.run({ bundle: box.bundle }), { code: 'ERR_LAUNCH_EXEC' })
  await once()
  const before = count()
  for (let round = 0; round < 5; round++) await once()
  await new Promise(resolve => setTimeout(resolve, 100))
  t.ok(count() <= before, 'no descriptor is left')
})
