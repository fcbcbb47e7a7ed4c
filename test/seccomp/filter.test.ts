import t, { type Test } from 'tap'
import type { Seccomp, SeccompAction, SeccompArg } from '../../lib/config/seccomp.js'
import type { ConfigError } from '../../lib/errors.js'
import { compileFilter } from '../../lib/seccomp/filter.js'
import { architectureToken, nativeArchitecture, syscallNumbers } from '../../lib/sys/libseccomp.js'
import { missing } from '../needs.js'
import { run } from './kernel/bpf.js'
import { type Kernel, kernel } from './kernel/kernel.js'
import { allowList, arg, profile, rules, type ShortRule } from './kernel/profile.js'

const ERRNO = 77
const NEWER_THAN_ALL = 900
/** What the probe itself needs to end. */
const ENDING = ['exit_group', 'exit', 'rt_sigreturn', 'restart_syscall']

const number = (name: string): number => syscallNumbers(nativeArchitecture(), [name])[0] ?? -1
const compile = (seccomp: Seccomp): Uint8Array => compileFilter({ seccomp, cacheDirectory: null }).program

/** getpid(2) takes no arguments, so that the kernel does not mind any; the filter sees them. */
const denyGetpid = (...args: readonly SeccompArg[]): Seccomp =>
  profile({ syscalls: rules({ names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet: ERRNO, args }) })

const allowOnly = (defaultAction: SeccompAction, names: readonly string[]): Seccomp =>
  profile({ defaultAction, syscalls: rules({ names: [...ENDING, ...names], action: 'SCMP_ACT_ALLOW' }) })

t.test('on the running kernel', { skip: missing('libseccomp', 'cc') }, async t => {
  const host = kernel(t)
  const getpid = number('getpid')
  const denies = (seccomp: Seccomp, ...args: readonly bigint[]): boolean =>
    host.call(seccomp, getpid, ...args) === `errno ${ERRNO}`

  t.test('a rule answers with the errno it names, and EPERM if it names none', async t => {
    t.equal(host.call(denyGetpid(), getpid), `errno ${ERRNO}`)
    const silent = profile({ syscalls: rules({ names: ['getpid'], action: 'SCMP_ACT_ERRNO' }) })
    t.equal(host.call(silent, getpid), 'errno 1')
    t.match(host.call(silent, number('getppid')), /^returned [0-9]+$/)
  })

  t.test('every action does what it says', async t => {
    const outcome = (action: SeccompAction): string =>
      host.call(profile({ syscalls: rules({ names: ['getpid'], action }) }), getpid)
    const SIGSYS = 'signal 31'
    t.equal(outcome('SCMP_ACT_KILL'), SIGSYS)
    t.equal(outcome('SCMP_ACT_KILL_THREAD'), SIGSYS)
    t.equal(outcome('SCMP_ACT_KILL_PROCESS'), SIGSYS)
    t.equal(outcome('SCMP_ACT_TRAP'), 'trapped')
    t.equal(outcome('SCMP_ACT_TRACE'), 'errno 38', 'without a tracer there is no system call')
    t.match(outcome('SCMP_ACT_LOG'), /^returned/)
    t.match(outcome('SCMP_ACT_ALLOW'), /^returned/)
  })

  t.test('every comparison is that of its operator, on all 64 bits', async t => {
    const limit = 0x1_0000_0005n
    const below = 0x0_ffff_ffffn
    const above = 0x2_0000_0000n
    const table: readonly [SeccompArg['op'], boolean, boolean, boolean][] = [
      ['SCMP_CMP_NE', true, false, true],
      ['SCMP_CMP_LT', true, false, false],
      ['SCMP_CMP_LE', true, true, false],
      ['SCMP_CMP_EQ', false, true, false],
      ['SCMP_CMP_GE', false, true, true],
      ['SCMP_CMP_GT', false, false, true],
    ]
    for (const [op, ...expected] of table) {
      const seccomp = denyGetpid(arg(1, op, limit))
      const found = [below, limit, above].map(value => denies(seccomp, 0n, value))
      t.same(found, expected, op)
    }
  })

  t.test('a masked comparison takes the mask from value and the datum from valueTwo', async t => {
    const seccomp = denyGetpid(arg(0, 'SCMP_CMP_MASKED_EQ', 0xf_0000_000fn, 0x3_0000_0005n))
    t.ok(denies(seccomp, 0x3_0000_0005n))
    t.ok(denies(seccomp, 0x3_ffff_fff5n))
    t.notOk(denies(seccomp, 0x3_0000_0006n))
    t.notOk(denies(seccomp, 0x2_0000_0005n))
  })

  t.test('the largest 64-bit value is compared exactly', async t => {
    const seccomp = denyGetpid(arg(5, 'SCMP_CMP_EQ', 0xffff_ffff_ffff_ffffn))
    t.ok(denies(seccomp, 0n, 0n, 0n, 0n, 0n, 0xffff_ffff_ffff_ffffn))
    t.notOk(denies(seccomp, 0n, 0n, 0n, 0n, 0n, 0xffff_ffff_ffff_fffen))
  })

  t.test('conditions on different arguments must all hold', async t => {
    const seccomp = denyGetpid(arg(0, 'SCMP_CMP_EQ', 1n), arg(1, 'SCMP_CMP_EQ', 2n))
    t.ok(denies(seccomp, 1n, 2n))
    t.notOk(denies(seccomp, 1n, 3n))
    t.notOk(denies(seccomp, 0n, 2n))
  })

  t.test('conditions on one argument are alternatives', async t => {
    const seccomp = denyGetpid(arg(0, 'SCMP_CMP_EQ', 1n), arg(0, 'SCMP_CMP_EQ', 2n))
    t.ok(denies(seccomp, 1n))
    t.ok(denies(seccomp, 2n))
    t.notOk(denies(seccomp, 3n))
  })

  t.test('names that libseccomp does not know are left out, and those beside them work', async t => {
    const seccomp = profile({ syscalls: rules({ names: ['no_such_call', 'getpid'], action: 'SCMP_ACT_ERRNO' }) })
    t.equal(host.call(seccomp, getpid), 'errno 1')
  })

  t.test('a rule with the default action changes nothing', async t => {
    const same = { names: ['getpid'], action: 'SCMP_ACT_ALLOW' } as const
    t.match(host.call(profile({ syscalls: rules(same) }), getpid), /^returned/)
  })

  t.test('flags are taken by the kernel', async t => {
    const flags = [
      'SECCOMP_FILTER_FLAG_TSYNC',
      'SECCOMP_FILTER_FLAG_LOG',
      'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
      'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
    ] as const
    t.equal(host.call({ ...denyGetpid(), flags }, getpid), `errno ${ERRNO}`)
  })

  newerThanTheProfile(t, host)

  t.test('under an allow-list of 344 names a shell works', { skip: missing('busybox') }, async t => {
    const script = 'echo "$(echo hello | cat)"; ls / >/dev/null && sleep 0.01 && exit 7'
    const { status, stdout, stderr } = host.exec(allowList(), '/bin/busybox', 'sh', '-c', script)
    t.same({ status, stdout, stderr }, { status: 7, stdout: 'hello\n', stderr: '' })
    const denied = host.exec(allowList(), '/bin/busybox', 'chroot', '/', '/bin/true')
    t.match(denied.stderr, /Operation not permitted/)
    t.not(denied.status, 0)
  })
})

function newerThanTheProfile(t: Test, host: Kernel): void {
  t.test('system calls newer than the profile get ENOSYS if the default denies', async t => {
    for (const action of ['SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP'] as const) {
      t.equal(host.call(allowOnly(action, ['getpid']), NEWER_THAN_ALL), 'errno 38', action)
    }
    const old = allowOnly('SCMP_ACT_ERRNO', ['clone3'])
    t.equal(host.call(old, number('clone3') + 1), 'errno 38', 'the next number')
    t.equal(host.call(old, number('getpid')), 'errno 1', 'older, and not in the profile')
  })

  t.test('a permissive default is left alone', async t => {
    const seccomp = profile({ syscalls: rules({ names: ['getpid'], action: 'SCMP_ACT_KILL_PROCESS' }) })
    t.equal(compile(seccomp).length, compile({ ...seccomp, defaultAction: 'SCMP_ACT_LOG' }).length)
    t.equal(host.call(seccomp, NEWER_THAN_ALL), 'errno 38', 'from the kernel itself')
  })

  t.test('a profile that names nothing has no age, so that the default decides', async t => {
    const nothing = profile({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: ERRNO })
    t.equal(run(compile(nothing), { architecture: nativeArchitecture(), number: NEWER_THAN_ALL }), 0x50000 + ERRNO)
  })

  t.test('a default of ENOSYS needs no prologue', async t => {
    const seccomp = allowOnly('SCMP_ACT_ERRNO', [])
    t.ok(compile({ ...seccomp, defaultErrnoRet: 38 }).length < compile(seccomp).length)
  })
}

t.test('as interpreted', { skip: missing('libseccomp') }, async t => {
  const token = (name: string): number => architectureToken(name) ?? 0
  const X32_BIT = 0x40000000
  /** 32-bit x86: socketcall, ipc, and the direct system calls that came later; libseccomp makes one of the other. */
  const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n)
  const SOCKETS_AND_IPC = new Set([102, 117, 337, 345, ...range(359, 373), ...range(393, 402)])

  t.test('the allow-list decides about every number of every architecture as its names say', async t => {
    const seccomp = allowList()
    const program = compile(seccomp)
    const names = [...new Set(seccomp.syscalls.flatMap(rule => rule.names))]
    const [always] = seccomp.syscalls
    const kinds = [
      { name: 'x86_64', architecture: token('x86_64'), base: 0 },
      { name: 'x86', architecture: token('x86'), base: 0 },
      { name: 'x32', architecture: token('x86_64'), base: X32_BIT },
    ]
    for (const { name, architecture, base } of kinds) {
      const named = new Set([...syscallNumbers(token(name), names)].filter(found => found >= 0))
      const allowed = new Set(syscallNumbers(token(name), always?.names ?? []))
      const conditional = new Set([...named].filter(found => !allowed.has(found)))
      const table = [...named].filter(found => found - base < 512)
      const highest = Math.max(...table)
      const wrong: string[] = []
      for (let n = base; n < base + 600; n++) {
        if (conditional.has(n) || (name === 'x86' && SOCKETS_AND_IPC.has(n))) continue
        const isOld = n <= highest || (name === 'x32' && n >= base + 512 && n <= base + 547)
        const expected = allowed.has(n) ? 0x7fff0000 : isOld ? 0x50001 : 0x50026
        const found = run(program, { architecture, number: n })
        if (found !== expected) wrong.push(`${n}: ${found.toString(16)}, not ${expected.toString(16)}`)
      }
      t.same(wrong, [], name)
    }
  })

  t.test('a foreign architecture is killed', async t => {
    t.equal(run(compile(allowList()), { architecture: token('s390x'), number: 1 }), 0)
  })

  t.test('x32 has no ENOSYS if the profile does not have x32', async t => {
    const program = compile(allowOnly('SCMP_ACT_ERRNO', ['clone3']))
    const architecture = token('x86_64')
    t.not(run(program, { architecture, number: X32_BIT + NEWER_THAN_ALL }), 0x50026)
  })

  t.test('the direct socket calls of 32-bit x86 are not newer than a profile that names them', async t => {
    const architectures = ['SCMP_ARCH_X86'] as const
    const program = compile({ ...allowOnly('SCMP_ACT_ERRNO', ['bind']), architectures })
    const architecture = token('x86')
    t.equal(run(program, { architecture, number: 361 }), 0x7fff0000, 'bind')
    t.equal(run(program, { architecture, number: 102, args: [2n] }), 0x7fff0000, 'socketcall(SYS_BIND)')
    t.equal(run(program, { architecture, number: 402 }), 0x50001)
    t.equal(run(program, { architecture, number: 403 }), 0x50026)
  })

  t.test("ARM's private system calls do not make a profile look new", async t => {
    const architectures = ['SCMP_ARCH_ARM'] as const
    const program = compile({ ...allowOnly('SCMP_ACT_ERRNO', ['cacheflush', 'clone3']), architectures })
    const architecture = token('arm')
    t.equal(run(program, { architecture, number: 436 }), 0x50026)
    t.equal(run(program, { architecture, number: 434 }), 0x50001)
    t.equal(run(program, { architecture, number: 0x0f0002 }), 0x7fff0000, 'cacheflush')
    t.equal(run(program, { architecture, number: 0x0f0001 }), 0x50001, 'breakpoint')
    t.equal(run(program, { architecture, number: 0x100000 }), 0x50026)
  })

  t.test('of several rules for a system call the first without conditions decides', async t => {
    const allow = { names: ['getpid'], action: 'SCMP_ACT_ALLOW' } as const
    const deny = { names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet: ERRNO } as const
    const denyOne = { ...deny, args: [arg(0, 'SCMP_CMP_EQ', 1n)] }
    const answer = (...list: ShortRule[]): number => {
      const program = compile(profile({ defaultAction: 'SCMP_ACT_KILL', syscalls: rules(...list) }))
      return run(program, { architecture: nativeArchitecture(), number: number('getpid'), args: [1n] })
    }
    t.equal(answer(allow, deny), 0x7fff0000)
    t.equal(answer(deny, allow), 0x50000 + ERRNO)
    t.equal(answer(allow, denyOne), 0x7fff0000)
    t.equal(answer(denyOne, allow), 0x7fff0000)
  })

  t.test('an action carries its errno, and a tracer its message', async t => {
    const answer = (action: SeccompAction, errnoRet: number | null): number => {
      const seccomp = profile({ syscalls: rules({ names: ['getpid'], action, errnoRet }) })
      return run(compile(seccomp), { architecture: nativeArchitecture(), number: number('getpid') })
    }
    t.equal(answer('SCMP_ACT_ERRNO', 4094), 0x50ffe)
    t.equal(answer('SCMP_ACT_TRACE', 65535), 0x7ff0ffff)
    t.equal(answer('SCMP_ACT_LOG', null), 0x7ffc0000)
    t.equal(answer('SCMP_ACT_KILL_PROCESS', null), 0x80000000)
  })
})

t.test('what cannot be compiled is an error that names the field', { skip: missing('libseccomp') }, async t => {
  const failure = (seccomp: Seccomp) => {
    try {
      compile(seccomp)
    } catch (error) {
      const { code, issues } = error as ConfigError
      return { code, path: issues[0]?.path }
    }
    return null
  }

  t.test('an architecture of another byte order', async t => {
    const seccomp = profile({ architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_S390X', 'SCMP_ARCH_MIPS'] })
    t.same(failure(seccomp), { code: 'ERR_CONFIG_INVALID', path: '/linux/seccomp/architectures/1' })
  })

  t.test('an architecture that libseccomp does not know', async t => {
    const seccomp = profile({ architectures: ['SCMP_ARCH_SHEB'] })
    if (architectureToken('sheb') === null) {
      t.same(failure(seccomp), { code: 'ERR_CONFIG_UNSUPPORTED', path: '/linux/seccomp/architectures/0' })
    }
    t.equal(architectureToken('no_such_architecture'), null)
  })

  t.test('two rules that contradict each other', async t => {
    const args = [arg(0, 'SCMP_CMP_EQ', 1n)]
    const syscalls = rules(
      { names: ['getppid'], action: 'SCMP_ACT_ERRNO' },
      { names: ['getpid'], action: 'SCMP_ACT_ERRNO', args },
      { names: ['getpid'], action: 'SCMP_ACT_KILL', args },
    )
    t.same(failure(profile({ syscalls })), { code: 'ERR_CONFIG_INVALID', path: '/linux/seccomp/syscalls/2' })
  })

  t.test('more instructions than the kernel takes', async t => {
    const names = ['getpid']
    const list = Array.from({ length: 4000 }, (_, index) => ({
      names,
      action: 'SCMP_ACT_ERRNO' as const,
      args: [arg(0, 'SCMP_CMP_EQ', BigInt(index) << 31n)],
    }))
    t.same(failure(profile({ syscalls: rules(...list) })), { code: 'ERR_CONFIG_INVALID', path: '/linux/seccomp' })
  })
})
