import { execFile } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { SystemError } from '../../lib/errors.js'
import {
  architectureToken,
  FilterContext,
  libseccompPath,
  libseccompVersion,
  nativeArchitecture,
  syscallNumbers,
  UNKNOWN_SYSCALL,
} from '../../lib/sys/libseccomp.js'
import { missing } from '../needs.js'

const ALLOW = 0x7fff0000
const KILL = 0
const ERRNO = 0x50000

const refusal = (syscall: string, errno: string): Error => new SystemError({ syscall, errno })

t.test('libseccomp', { skip: missing('libseccomp') }, async t => {
  t.test('says its version and where it is', async t => {
    t.match(libseccompVersion(), /^2\.\d+\.\d+$/)
    t.match(realpathSync(libseccompPath()), /\/libseccomp\.so\.2/)
  })

  t.test('knows architectures by name, and says so when it does not', async t => {
    t.equal(architectureToken('x86_64'), 0xc000003e)
    t.equal(architectureToken('aarch64'), 0xc00000b7)
    t.equal(architectureToken('pdp11'), null)
    t.equal(architectureToken(''), null)
    t.ok(nativeArchitecture() > 0)
  })

  t.test('knows the numbers of many names at once, in their order', async t => {
    const numbers = syscallNumbers(0xc000003e, ['read', 'write', 'no_such_call', 'clone3', 'socketcall', ''])
    t.same([...numbers.subarray(0, 4)], [0, 1, UNKNOWN_SYSCALL, 435])
    t.ok((numbers[4] ?? 0) < UNKNOWN_SYSCALL, 'known, but not on this architecture')
    t.equal(numbers[5], UNKNOWN_SYSCALL)
    t.equal(syscallNumbers(0xc000003e, []).length, 0)
    t.same([...syscallNumbers(0xc00000b7, ['read', 'open'])].map(Math.sign), [1, -1])
  })

  t.test('makes a program of whole instructions', async t => {
    const filter = new FilterContext(ALLOW)
    t.teardown(() => filter.release())
    const rules = [{ action: KILL, syscall: 1, conditions: [{ argument: 5, comparison: 4, a: 1n << 63n, b: 0n }] }]
    t.equal(filter.addRules(rules), null)
    const program = filter.program()
    t.ok(program.length > 0)
    t.equal(program.length % 8, 0)
  })

  t.test('names the rule that it refuses', async t => {
    const filter = new FilterContext(ALLOW)
    t.teardown(() => filter.release())
    const good = { action: KILL, syscall: 1, conditions: [] }
    const sixth = { argument: 6, comparison: 4, a: 0n, b: 0n }
    t.same(filter.addRules([good, { ...good, action: ALLOW }]), { index: 1, errno: 'EACCES' })
    t.same(filter.addRules([good, good, { ...good, conditions: [sixth] }]), { index: 2, errno: 'EINVAL' })
    const many = [0, 1, 2, 3, 4, 5, 5].map(argument => ({ ...sixth, argument }))
    t.same(filter.addRules([good, { ...good, conditions: many }]), { index: 1, errno: 'EINVAL' })
    t.equal(filter.addRules([]), null)
  })

  t.test('refuses actions and architectures that do not fit', async t => {
    t.throws(() => new FilterContext(0x12345678), refusal('seccomp_init', 'EINVAL'))
    const filter = new FilterContext(ERRNO + 1)
    t.teardown(() => filter.release())
    t.throws(() => filter.addArchitecture(nativeArchitecture()), refusal('seccomp_arch_add', 'EEXIST'))
    t.throws(() => filter.addArchitecture(0x80000016 /* s390x */), refusal('seccomp_arch_add', 'EDOM'))
  })

  t.test('can be released twice, and is of no use then', async t => {
    const filter = new FilterContext(ALLOW)
    filter.release()
    filter.release()
    t.throws(() => filter.program(), refusal('seccomp_export_bpf', 'EINVAL'))
  })

  t.test('makes a thousand filters without a descriptor left over', async t => {
    const { listDirectory } = await import('../../lib/sys/file.js')
    const make = () => {
      const filter = new FilterContext(ALLOW)
      filter.program()
      filter.release()
    }
    make()
    const before = listDirectory('/proc/self/fd').length
    for (let n = 0; n < 1000; n++) make()
    t.ok(listDirectory('/proc/self/fd').length <= before)
  })

  t.test('is an error with a remedy if it is missing', { skip: missing('root') }, async t => {
    const script = fileURLToPath(new URL('../seccomp/kernel/compile.ts', import.meta.url))
    const hidden = 'mount --bind /dev/null "$1" && shift && exec "$@"'
    const command = [process.execPath, ...process.execArgv, script]
    const run = promisify(execFile)('unshare', [
      '-m',
      'sh',
      '-c',
      hidden,
      'sh',
      realpathSync(libseccompPath()),
      ...command,
    ])
    const { stderr } = await run.catch((failure: { stderr: string }) => failure)
    t.match(stderr, /needs libseccomp\.so\.2 for linux\.seccomp, found dlopen: .*libseccomp\.so.*libseccomp2/s)
  })
})
