import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import t, { type Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, unifiedOnly } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type Scheduler = NonNullable<TestConfig['process']['scheduler']>

/** A realtime budget, which cgroup v1 wants before it lets a process be realtime; version 2 has none. */
const REALTIME = unifiedOnly() ? {} : { cpu: { realtimeRuntime: 10000, realtimePeriod: 1000000 } }

const told = (command: string, ...args: string[]) =>
  spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).stdout

/** What the kernel says of a created container with this scheduler, in the words of chrt. */
async function schedulerOf(t: Test, scheduler: Scheduler, change: (config: TestConfig) => void = () => {}) {
  const { pid } = await createSleeper(makeBundle(t), config => {
    config.process.scheduler = scheduler
    config.linux.resources = REALTIME
    change(config)
  })
  return { pid, text: told('chrt', '-p', String(pid)), nice: niceOf(pid) }
}

/** The line of the status file that tells the CPUs. */
const allowed = (of: number | 'self'): string =>
  /Cpus_allowed_list:.*/.exec(readFileSync(`/proc/${of}/status`, 'utf8'))?.[0] ?? ''

/** Field 19 of the stat file. */
function niceOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
}

const refusedScheduler = (t: Test, scheduler: Scheduler) =>
  createError(makeBundle(t), config => {
    config.process.scheduler = scheduler
  })

for (const policy of ['SCHED_FIFO', 'SCHED_RR']) {
  t.test(`config.md#linux-process: scheduler ${policy} with its priority`, skip, async t => {
    const { text } = await schedulerOf(t, { policy, priority: 17 })
    t.match(text, new RegExp(`policy: ${policy}\n.*priority: 17\n`))
  })

  t.test(`config.md#linux-process: ${policy} needs a priority from 1 to 99`, skip, async t => {
    t.match(await refusedScheduler(t, { policy }), invalid('/process/scheduler/priority'))
    t.match(await refusedScheduler(t, { policy, priority: 100 }), {
      message: `/process/scheduler/priority: must be an integer from 1 to 99 with ${policy}, but is 100`,
    })
  })
}

for (const policy of ['SCHED_OTHER', 'SCHED_BATCH']) {
  t.test(`config.md#linux-process: scheduler ${policy} with a nice value`, skip, async t => {
    const { text, nice } = await schedulerOf(t, { policy, nice: 7 })
    t.match(text, `policy: ${policy}\n`)
    t.equal(nice, 7)
  })

  t.test(`config.md#linux-process: ${policy} has no priority and no deadline`, skip, async t => {
    const error = await refusedScheduler(t, { policy, priority: 1, runtime: 5000, deadline: 10000, period: 10000 })
    t.match(
      error,
      invalid(...['priority', 'runtime', 'deadline', 'period'].map(field => `/process/scheduler/${field}`)),
    )
  })
}

t.test('config.md#linux-process: a nice value may be negative', skip, async t => {
  t.equal((await schedulerOf(t, { policy: 'SCHED_OTHER', nice: -5 })).nice, -5)
})

t.test('config.md#linux-process: of the scheduler, what is not set is 0', skip, async t => {
  const before = getPriority()
  setPriority(5)
  t.teardown(() => setPriority(before))
  const { text, nice } = await schedulerOf(t, { policy: 'SCHED_BATCH' })
  t.equal(nice, 0)
  t.match(text, /priority: 0\n/)
})

t.test('config.md#linux-process: a nice value is from -20 to 19', skip, async t => {
  t.match(await refusedScheduler(t, { policy: 'SCHED_OTHER', nice: 20 }), invalid('/process/scheduler/nice'))
})

t.test(
  'config.md#linux-process: a nice value if there is none is left to the kernel, with a warning',
  skip,
  async t => {
    const { sh, log } = makeBundle(t)
    const { exitCode } = await sh('true', config => (config.process.scheduler = { policy: 'SCHED_IDLE', nice: 1 }))
    t.equal(exitCode, 0)
    t.match(log, [{ level: 'warning', message: /^\/process\/scheduler\/nice: without effect: SCHED_IDLE/ }])
  },
)

t.test('config.md#linux-process: scheduler SCHED_IDLE', skip, async t => {
  t.match((await schedulerOf(t, { policy: 'SCHED_IDLE' })).text, 'policy: SCHED_IDLE\n')
})

t.test('config.md#linux-process: scheduler flags', skip, async t => {
  const { text } = await schedulerOf(t, { policy: 'SCHED_BATCH', flags: ['SCHED_FLAG_RESET_ON_FORK'] })
  t.match(text, 'SCHED_BATCH|SCHED_RESET_ON_FORK')
  const kept = await schedulerOf(t, { policy: 'SCHED_BATCH', flags: ['SCHED_FLAG_KEEP_POLICY'], nice: 3 })
  t.match(kept, { text: 'policy: SCHED_OTHER\n', nice: 3 })
})

const DEADLINE: Scheduler = { policy: 'SCHED_DEADLINE', runtime: 1000000, deadline: 10000000, period: 20000000 }

t.test('config.md#linux-process: scheduler SCHED_DEADLINE with its three times', skip, async t => {
  const { text } = await schedulerOf(t, DEADLINE)
  t.match(text, 'policy: SCHED_DEADLINE\n')
  t.match(text, 'parameters: 1000000/10000000/20000000\n')
})

t.test('config.md#linux-process: SCHED_DEADLINE with a part of the CPUs is an error', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.process.scheduler = DEADLINE
    config.linux.resources = { cpu: { cpus: '0' } }
  })
  t.match(error, {
    code: 'ERR_LAUNCH_OP',
    configPath: '/process/scheduler',
    errno: 'EPERM',
    message: /process scheduler can't be used together with AllowedCPUs/,
  })
})

t.test('config.md#linux-process: the times of SCHED_DEADLINE are in order', skip, async t => {
  const error = await refusedScheduler(t, { policy: 'SCHED_DEADLINE', runtime: 1000, deadline: 500, period: 100 })
  t.match(error, invalid(...['runtime', 'deadline', 'period'].map(field => `/process/scheduler/${field}`)))
})

t.test('config.md#linux-process: what the kernel refuses names the field and says what to do', skip, async t => {
  const rare = { policy: 'SCHED_DEADLINE', runtime: 2000, deadline: 60_000_000_000 }
  t.match(await refusedScheduler(t, rare), {
    name: 'LaunchError',
    code: 'ERR_LAUNCH_OP',
    configPath: '/process/scheduler',
    syscall: 'sched_setattr',
    errno: 'EINVAL',
    message:
      /^\/process\/scheduler: sched_setattr SCHED_DEADLINE: EINVAL: .* \(this kernel does not know .* the values\)$/,
  })
  t.match(await refusedScheduler(t, { policy: 'SCHED_ISO' }), { configPath: '/process/scheduler', errno: 'EINVAL' })
})

t.test('config.md#linux-process: realtime without a budget of its cgroup says so', skip, async t => {
  if (unifiedOnly()) return t.pass('cgroup v2 has no budgets')
  t.match(await refusedScheduler(t, { policy: 'SCHED_FIFO', priority: 1 }), {
    configPath: '/process/scheduler',
    errno: 'EPERM',
    message: /needs CAP_SYS_NICE, and on cgroup v1 a budget in \/linux\/resources\/cpu\/realtimeRuntime/,
  })
})

t.test('config.md#linux-process: without a scheduler the process keeps that of the runtime', skip, async t => {
  const { pid } = await createSleeper(makeBundle(t))
  t.match(told('chrt', '-p', String(pid)), 'policy: SCHED_OTHER\n')
  t.equal(niceOf(pid), niceOf(process.pid))
})

for (const [name, priority, expected] of [
  ['IOPRIO_CLASS_RT', 1, 'realtime: prio 1'],
  ['IOPRIO_CLASS_BE', 6, 'best-effort: prio 6'],
  ['IOPRIO_CLASS_IDLE', 0, 'idle'],
] as const) {
  t.test(`config.md#linux-process: ioPriority ${name}`, skip, async t => {
    const { pid } = await createSleeper(makeBundle(t), config => {
      config.process.ioPriority = { class: name, priority }
    })
    t.equal(told('ionice', '-p', String(pid)).trim(), expected)
  })
}

t.test('config.md#linux-process: an I/O priority is from 0 to 7, of a known class', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.process.ioPriority = { class: 'IOPRIO_CLASS_FAST', priority: 8 }
  })
  t.match(error, invalid('/process/ioPriority/class', '/process/ioPriority/priority'))
})

t.test('config.md#linux-process: execCPUAffinity does not concern the first process', skip, async t => {
  const { pid } = await createSleeper(makeBundle(t), config => {
    config.process.execCPUAffinity = { initial: '0', final: '0' }
  })
  t.equal(allowed(pid), allowed('self'))
})

t.test('config.md#linux-process: execCPUAffinity is two lists of CPUs', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.process.execCPUAffinity = { initial: '3-1', final: '0,,1' }
  })
  t.match(error, invalid('/process/execCPUAffinity/initial', '/process/execCPUAffinity/final'))
  t.match(error, {
    message: /initial: must be a list of CPUs such as 0-3,7, none of them above 8191, but is "3-1"/,
  })
})

t.test(
  'config.md#linux-process: a process that is added by exec has the final affinity and priorities',
  skip,
  async t => {
    const { runtime, bundle, configure, id } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sleep', '100']
      config.process.execCPUAffinity = { final: '1' }
      config.process.scheduler = { policy: 'SCHED_BATCH', nice: 4 }
    })
    const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    const added = await container.exec({ args: ['/bin/sleep', '100'], stdio: 'ignore' })
    t.match(readFileSync(`/proc/${added.pid}/status`, 'utf8'), /Cpus_allowed_list:\t1\n/)
    t.equal(niceOf(added.pid), 4)
    t.match(readFileSync(`/proc/${container.pid}/status`, 'utf8'), allowed('self'))
  },
)

for (const when of ['initial', 'final'] as const) {
  t.test(
    `config.md#linux-process: ${when} CPUs that there are not are an error of exec that names the field`,
    skip,
    async t => {
      const { runtime, bundle, configure, id } = makeBundle(t)
      configure(config => {
        config.process.args = ['/bin/sleep', '100']
        config.process.execCPUAffinity = { [when]: '8000-8191' }
      })
      const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
      await t.rejects(container.exec({ args: ['/bin/true'], stdio: 'ignore' }), {
        code: 'ERR_LAUNCH_OP',
        configPath: `/process/execCPUAffinity/${when}`,
        errno: 'EINVAL',
        message: /none of these CPUs is there and allowed by the cgroup/,
      })
    },
  )
}

t.test(
  'config.md#linux-process: exec runs on the initial CPUs before it is in the cgroup, which may have others',
  skip,
  async t => {
    const { runtime, bundle, configure, id } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sleep', '100']
      config.process.execCPUAffinity = { initial: '0' }
      config.linux.resources = { cpu: { cpus: '1' } }
    })
    const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    const added = await container.exec({ args: ['/bin/sleep', '100'], stdio: 'ignore' })
    t.equal(allowed(added.pid), 'Cpus_allowed_list:\t1')
    configure(config => {
      config.process.args = ['/bin/sleep', '100']
      config.process.execCPUAffinity = { initial: '1' }
      config.linux.cgroupsPath = `/${id('other')}`
    })
    const other = await runtime.create({ id: id('other'), bundle, stdio: 'ignore' })
    const stays = await other.exec({ args: ['/bin/sleep', '100'], stdio: 'ignore' })
    t.equal(allowed(stays.pid), 'Cpus_allowed_list:\t1', 'which the kernel remembers since Linux 6.2')
  },
)
