/** The CPUs of a container are those of its cgroup, and not those of whoever calls the command. */
import { availableParallelism } from 'node:os'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const lacking = missing('root', 'busybox') || (availableParallelism() < 2 && 'needs two CPUs')
const skip = { skip: lacking }

const SHOW = ['/bin/grep', 'Cpus_allowed_list', '/proc/self/status']
/** What a process of the host may use. */
const all = /:\t(.*)/.exec(execute('grep', ['Cpus_allowed_list', '/proc/1/status']).stdout)?.[1]

function onCpuZero(box: ReturnType<typeof makeBundle>, words: readonly string[]): string {
  const command = ['-c', '0', RUNNER, TSRUN, '--root', box.runtime.root, ...words]
  const { status, stdout, stderr } = execute('taskset', command, { cwd: box.bundle })
  if (status !== 0) throw new Error(stderr)
  return /:\t(.*)/.exec(stdout)?.[1] ?? stdout
}

const cases: readonly { cpus: string | null; sees: string | undefined }[] = [
  { cpus: null, sees: all },
  { cpus: '0-1', sees: '0-1' },
  { cpus: '1', sees: '1' },
]

for (const { cpus, sees } of cases) {
  const change = (config: TestConfig): void => {
    if (cpus !== null) config.linux.resources = { cpu: { cpus } }
  }

  t.test(`run on one CPU gives the container all of its cgroup: ${cpus ?? 'no cpuset'}`, skip, async t => {
    const box = makeBundle(t)
    box.configure(config => {
      config.process.args = SHOW
      change(config)
    })
    t.equal(onCpuZero(box, ['run', box.id()]), sees)
  })

  t.test(`exec on one CPU gives the process all of its cgroup: ${cpus ?? 'no cpuset'}`, skip, async t => {
    const box = makeBundle(t)
    box.configure(config => {
      config.process.args = ['/bin/sleep', '100']
      change(config)
    })
    onCpuZero(box, ['run', '-d', box.id()])
    t.equal(onCpuZero(box, ['exec', box.id(), ...SHOW]), sees)
  })
}

t.test('hooks on the host have the CPUs of the caller', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    const args = ['sh', '-c', `grep Cpus_allowed_list /proc/self/status > ${box.directory}/cpus`]
    config.hooks = { createRuntime: [{ path: '/bin/sh', args, env: ['PATH=/usr/bin:/bin'] }] }
  })
  onCpuZero(box, ['run', box.id()])
  t.match(execute('cat', [`${box.directory}/cpus`]).stdout, /:\t0\n/)
})
