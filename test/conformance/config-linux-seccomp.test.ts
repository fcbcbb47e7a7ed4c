import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }
const withPython = { skip: missing('root', 'busybox', 'libseccomp', 'python3') }
/** The number of acct(2), which no profile allows, and which is older than all. */
const ACCT = process.arch === 'x64' ? 163 : 89

type Profile = NonNullable<TestConfig['linux']['seccomp']>

/** Allows everything but what the rules say. */
const allowing = (...syscalls: NonNullable<Profile['syscalls']>): Profile => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls,
})

const filtered =
  (seccomp: Profile, { noNewPrivileges = true } = {}) =>
  (config: TestConfig): void => {
    config.linux.seccomp = seccomp
    config.process.noNewPrivileges = noNewPrivileges
  }

for (const noNewPrivileges of [true, false]) {
  const how = noNewPrivileges ? 'with noNewPrivileges' : 'without noNewPrivileges'

  t.test(`config-linux.md#seccomp: the process runs under one filter, ${how}`, skip, async t => {
    const { sh } = makeBundle(t)
    const profile = allowing({ names: ['chroot'], action: 'SCMP_ACT_ERRNO' })
    const { stdout } = await sh('grep Seccomp /proc/self/status', filtered(profile, { noNewPrivileges }))
    t.equal(stdout, 'Seccomp:\t2\nSeccomp_filters:\t1\n')
  })

  t.test(`config-linux.md#seccomp: SCMP_ACT_ERRNO, ${how}`, skip, async t => {
    const { sh } = makeBundle(t)
    const mkdir = ['mkdir', 'mkdirat']
    const attempt = async (rule: { errnoRet?: number }) => {
      const profile = allowing({ names: mkdir, action: 'SCMP_ACT_ERRNO', ...rule })
      return (await sh('mkdir /tmp/x', filtered(profile, { noNewPrivileges }))).stderr
    }
    t.match(await attempt({}), /Operation not permitted/, 'EPERM if nothing is said')
    t.match(await attempt({ errnoRet: 28 }), /No space left on device/)
    t.match(await attempt({ errnoRet: 0 }), /^$/, '0 is success, and nothing has been done')
  })

  t.test(`config-linux.md#seccomp: a user other than root, ${how}`, skip, async t => {
    const { sh } = makeBundle(t)
    const profile = allowing({ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 5 })
    const { stderr, stdout } = await sh('id -u; mkdir /tmp/x', config => {
      filtered(profile, { noNewPrivileges })(config)
      config.process.user = { uid: 1000, gid: 1000 }
    })
    t.match(stderr, /I\/O error|Input\/output error/)
    t.equal(stdout, '1000\n')
  })
}

for (const [action, signal] of [
  ['SCMP_ACT_KILL', 'SIGSYS'],
  ['SCMP_ACT_KILL_THREAD', 'SIGSYS'],
  ['SCMP_ACT_KILL_PROCESS', 'SIGSYS'],
  ['SCMP_ACT_TRAP', 'SIGSYS'],
] as const) {
  t.test(`config-linux.md#seccomp: ${action}`, skip, async t => {
    const { runtime, bundle, configure } = makeBundle(t)
    configure(config => {
      filtered(allowing({ names: ['mkdir', 'mkdirat'], action }))(config)
      config.process.args = ['/bin/mkdir', '/tmp/x']
    })
    t.match(await runtime.run({ bundle }), { signal, exitCode: null })
  })
}

t.test('config-linux.md#seccomp: SCMP_ACT_LOG and SCMP_ACT_ALLOW let it pass', skip, async t => {
  const { sh } = makeBundle(t)
  for (const action of ['SCMP_ACT_LOG', 'SCMP_ACT_ALLOW'] as const) {
    const profile: Profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action }],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
    }
    t.match(await sh('mkdir /tmp/x && echo made', filtered(profile)), { stdout: 'made\n' }, action)
  }
})

t.test('config-linux.md#seccomp: SCMP_ACT_TRACE without a tracer is ENOSYS', skip, async t => {
  const { sh } = makeBundle(t)
  const profile = allowing({ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_TRACE', errnoRet: 5 })
  t.match(await sh('mkdir /tmp/x', filtered(profile)), { stderr: /Function not implemented/ })
})

/** What `kill -s N $$` with signal 0 gives, under a rule about the second argument. */
async function killUnder(
  t: Parameters<typeof makeBundle>[0],
  args: NonNullable<NonNullable<Profile['syscalls']>[number]['args']>,
) {
  const { sh } = makeBundle(t)
  const profile = allowing({ names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 28, args })
  const script = 'trap "" 1 2 3 15; for s in 1 2 3 15; do kill -$s $$ 2>/dev/null && echo $s; done'
  return (await sh(script, filtered(profile))).stdout.trim().split('\n').filter(Boolean).map(Number)
}

for (const [op, condition, passed] of [
  ['SCMP_CMP_EQ', { value: 2 }, [1, 3, 15]],
  ['SCMP_CMP_NE', { value: 2 }, [2]],
  ['SCMP_CMP_LT', { value: 3 }, [3, 15]],
  ['SCMP_CMP_LE', { value: 3 }, [15]],
  ['SCMP_CMP_GT', { value: 3 }, [1, 2, 3]],
  ['SCMP_CMP_GE', { value: 3 }, [1, 2]],
  ['SCMP_CMP_MASKED_EQ', { value: 1, valueTwo: 1 }, [2]],
] as const) {
  t.test(`config-linux.md#seccomp: an argument compared by ${op}`, skip, async t => {
    t.strictSame(await killUnder(t, [{ index: 1, op, ...condition }]), passed)
  })
}

t.test(
  'config-linux.md#seccomp: conditions on several arguments must all hold, two on one are alternatives',
  skip,
  async t => {
    const signal = (value: number) => ({ index: 1, op: 'SCMP_CMP_EQ', value }) as const
    const pid = (value: number) => ({ index: 0, op: 'SCMP_CMP_EQ', value }) as const
    t.strictSame(await killUnder(t, [signal(2), pid(1)]), [1, 3, 15])
    t.strictSame(await killUnder(t, [signal(2), pid(7)]), [1, 2, 3, 15])
    t.strictSame(await killUnder(t, [signal(2), signal(3)]), [1, 15])
  },
)

/** What a static busybox, the helper, and nothing else needs. */
const NEEDED =
  'access arch_prctl brk capget capset chdir clone close close_range dup dup2 dup3 execve exit exit_group faccessat faccessat2 fchmodat2 fchdir fchown fchownat fcntl fstat getcwd getdents64 getegid geteuid getgid getpgid getpid getppid getresgid getresuid getrlimit gettid getuid ioctl lseek lstat madvise mmap mprotect mremap munmap newfstatat open openat openat2 pipe pipe2 poll prctl pread64 prlimit64 read readlink readlinkat rseq rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend sendfile seccomp set_robust_list set_tid_address setgid setgroups setresgid setresuid setuid stat statfs fstatfs statx sysinfo time umask uname vfork wait4 write writev accept accept4 getrandom sched_getaffinity unlink'.split(
    ' ',
  )

t.test('config-linux.md#seccomp: a filter that denies by default, with an errno of its own', skip, async t => {
  const { sh } = makeBundle(t)
  const profile: Profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 28,
    syscalls: [{ names: NEEDED, action: 'SCMP_ACT_ALLOW' }],
  }
  const { stdout, stderr } = await sh('echo alive; mkdir /tmp/x', filtered(profile))
  t.equal(stdout, 'alive\n')
  t.match(stderr, /No space left on device/)
})

t.test(
  'config-linux.md#seccomp: a system call that is newer than the profile is ENOSYS, and not the default',
  withPython,
  async t => {
    const { runtime, bundle, configure } = makeBundle(t)
    const profile = JSON.parse(
      readFileSync(new URL('../../spec-fixtures/seccomp/allow-list.json', import.meta.url), 'utf8'),
    )
    const program = `import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in 1000, ${ACCT}:
    print(libc.syscall(number, 0), ctypes.get_errno())`
    configure(config => {
      filtered(profile)(config)
      for (const directory of ['/usr', '/lib', '/lib64'].filter(existsSync)) {
        config.mounts.push({ destination: directory, source: directory, options: ['rbind', 'ro'] })
      }
      config.root = { path: 'rootfs' }
      config.process.args = ['/usr/bin/python3', '-c', program]
    })
    t.match(await runtime.run({ bundle }), { stdout: '-1 38\n-1 1\n', stderr: '' })
  },
)

t.test('config-linux.md#seccomp: system calls that nobody knows are passed over', skip, async t => {
  const { sh } = makeBundle(t)
  const profile = allowing({ names: ['frobnicate', 'mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 })
  t.match(await sh('mkdir /tmp/x', filtered(profile)), { stderr: /No space left/ })
})

t.test('config-linux.md#seccomp: architectures and flags', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('grep Seccomp: /proc/self/status', config => {
    filtered({
      ...allowing({ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }),
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_AARCH64'],
      flags: ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
    })(config)
  })
  t.equal(stdout, 'Seccomp:\t2\n')
})

t.test('config-linux.md#seccomp: a filter that forbids execve is an error of start, and no success', skip, async t => {
  for (const noNewPrivileges of [true, false]) {
    const { runtime, bundle, configure, id } = makeBundle(t)
    configure(filtered(allowing({ names: ['execve'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }), { noNewPrivileges }))
    await using container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    await t.rejects(container.start(), { name: 'LaunchError', code: 'ERR_LAUNCH_EXEC', errno: 'EACCES' })
  }
})

t.test(
  'config-linux.md#seccomp: a filter that kills what the runtime itself needs is an error, and leaves nothing',
  skip,
  async t => {
    for (const [names, noNewPrivileges] of [
      [['close_range'], false],
      [['setresuid', 'prctl'], false],
      [['accept4', 'accept'], false],
      [['execve'], true],
      [['write', 'sendto', 'sendmsg'], false],
    ] as const) {
      const { runtime, bundle, configure, id } = makeBundle(t)
      configure(filtered(allowing({ names: [...names], action: 'SCMP_ACT_KILL_PROCESS' }), { noNewPrivileges }))
      const outcome = await runtime
        .create({ id: id(), bundle, stdio: 'ignore' })
        .then(async container => {
          const failure = await container.start().catch((error: unknown) => error)
          const { signal } = await container.wait()
          await container.delete({ force: true })
          return failure ?? signal
        })
        .catch((error: unknown) => error)
      t.ok(outcome === 'SIGSYS' || outcome instanceof Error, `${names}: ${String(outcome)}`)
      t.strictSame(await runtime.list(), [])
    }
  },
)

t.test('config-linux.md#seccomp: the container waits for start without the filter if it can', skip, async t => {
  const container = await createSleeper(
    makeBundle(t),
    filtered(allowing({ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' })),
  )
  t.match(readFileSync(`/proc/${container.pid}/status`, 'utf8'), /^Seccomp:\t0$/m)
  await container.start()
  t.match(readFileSync(`/proc/${container.pid}/status`, 'utf8'), /^Seccomp:\t2$/m)
})

t.test('config-linux.md#seccomp: what is known to be wrong is an error, all at once', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    Object.assign(config.linux, {
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        defaultErrnoRet: 1,
        architectures: ['SCMP_ARCH_Z80'],
        flags: ['SECCOMP_FILTER_FLAG_NONSENSE'],
        syscalls: [
          { names: [], action: 'SCMP_ACT_KILL' },
          { names: ['kill'], action: 'SCMP_ACT_NONSENSE' },
          { names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 6, value: 1, op: 'SCMP_CMP_XX' }] },
          { names: ['kill'], action: 'SCMP_ACT_KILL', errnoRet: 5 },
        ],
      },
    })
  })
  const base = '/linux/seccomp'
  t.match(
    error,
    invalid(
      `${base}/architectures/0`,
      `${base}/flags/0`,
      `${base}/syscalls/1/action`,
      `${base}/syscalls/2/args/0/index`,
      `${base}/syscalls/2/args/0/op`,
      `${base}/defaultErrnoRet`,
      `${base}/syscalls/0/names`,
      `${base}/syscalls/3/errnoRet`,
    ),
  )
})

t.test('config-linux.md#seccomp: a profile that knows no newer calls is one to start under', skip, async t => {
  const { sh } = makeBundle(t)
  const names = 'close_range openat2 faccessat2 fsopen fsconfig fspick open_tree move_mount mount_setattr'.split(' ')
  for (const errnoRet of [38, 1]) {
    const profile = allowing({ names, action: 'SCMP_ACT_ERRNO', errnoRet })
    const { stdout, exitCode } = await sh('ls /proc/self/fd', filtered(profile, { noNewPrivileges: false }))
    t.equal(exitCode, 0, `errno ${errnoRet}`)
    t.equal(stdout, '0\n1\n2\n3\n', 'with nothing of ours open; 3 is what ls reads')
  }
})
