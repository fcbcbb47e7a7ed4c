/** From a profile to the program that libseccomp generates for it, with our prologue in front. */
import type { Seccomp, SeccompAction } from '../config/seccomp.js'
import { isErrno } from '../sys/errno.js'
import {
  architectureToken,
  FilterContext,
  libseccompVersion,
  nativeArchitecture,
  syscallNumbers,
} from '../sys/libseccomp.js'
import { trace } from '../sys/trace.js'
import { enosysPrologue } from './enosys.js'
import { ACTIONS, defaultCode, POINTER, profileError, ruleRefusal, rulesOf, traceDropped } from './syscall-rules.js'

const log = trace('seccomp')

/** BPF_MAXINSNS */
const INSTRUCTION_LIMIT = 4096

/**
 * An array of struct sock_filter.
 * @throws {ConfigError} naming the rule or architecture that libseccomp refuses
 * @throws {HostError} ERR_HOST_KERNEL if there is no libseccomp
 */
export function generateProgram(seccomp: Seccomp): Uint8Array {
  const architectures = architecturesOf(seccomp)
  const filter = runLibseccomp(seccomp, architectures)
  const prologue = prologueFor(seccomp, architectures)
  const count = (prologue.length + filter.length) / 8
  log('%d instructions, of which %d for ENOSYS', count, prologue.length / 8)
  if (count <= INSTRUCTION_LIMIT) return joined(prologue, filter)
  const message = `the filter has ${count} instructions, and the kernel takes ${INSTRUCTION_LIMIT}`
  const [received, expected] = [`${count} instructions`, `at most ${INSTRUCTION_LIMIT}`]
  throw profileError('ERR_CONFIG_INVALID', { path: POINTER, message, received, expected })
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length)
  whole.set(first)
  whole.set(second, first.length)
  return whole
}

interface Architecture {
  readonly name: string
  readonly token: number
  readonly path: string
}

/** The architectures of the profile but for the native one, which every filter has. */
function architecturesOf({ architectures }: Seccomp): readonly Architecture[] {
  const known = new Set([nativeArchitecture()])
  return architectures.flatMap((name, index) => {
    const token = architectureToken(name.replace('SCMP_ARCH_', '').toLowerCase())
    const path = `${POINTER}/architectures/${index}`
    if (token === null) {
      const message = `libseccomp ${libseccompVersion()} does not know ${name}`
      throw profileError('ERR_CONFIG_UNSUPPORTED', {
        path,
        message,
        received: name,
        expected: 'an architecture it knows',
      })
    }
    if (known.has(token)) return []
    known.add(token)
    return [{ name, token, path }]
  })
}

/** From so many rules on a search tree makes the program faster; libseccomp 2.5 generates it wrong if there are none. */
const TREE_FROM = 32

function runLibseccomp(seccomp: Seccomp, architectures: readonly Architecture[]): Uint8Array {
  const filter = newContext(seccomp)
  try {
    for (const architecture of architectures) addArchitecture(filter, architecture)
    const rules = rulesOf(seccomp)
    traceDropped(rules)
    if (rules.length >= TREE_FROM) filter.searchAsTree()
    const { index, errno } = filter.addRules(rules) ?? { index: -1, errno: '' }
    const refused = rules[index]
    if (refused !== undefined) throw ruleRefusal(refused, errno)
    return filter.program()
  } finally {
    filter.release()
  }
}

function newContext(seccomp: Seccomp): FilterContext {
  const code = defaultCode(seccomp)
  try {
    return new FilterContext(code)
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    const message = 'libseccomp or the kernel does not know this action'
    const fields = { path: `${POINTER}/defaultAction`, message, received: seccomp.defaultAction }
    throw profileError('ERR_CONFIG_UNSUPPORTED', { ...fields, expected: 'a known action' }, cause)
  }
}

function addArchitecture(filter: FilterContext, { name, token, path }: Architecture): void {
  try {
    filter.addArchitecture(token)
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    const why = cause.errno === 'EDOM' ? 'its byte order is another' : cause.message
    const message = `${name} can't be in one filter with the architecture of this machine: ${why}`
    throw profileError('ERR_CONFIG_INVALID', { path, message, received: name, expected: 'the same byte order' }, cause)
  }
}

const ANSWER_ENOSYS = ACTIONS.SCMP_ACT_ERRNO + 38
/** Default actions that let a system call happen, or ask a tracer or an agent, which can answer ENOSYS themselves. */
const PERMISSIVE: readonly SeccompAction[] = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE', 'SCMP_ACT_NOTIFY']

function prologueFor(seccomp: Seccomp, architectures: readonly Architecture[]): Uint8Array {
  if (PERMISSIVE.includes(seccomp.defaultAction) || defaultCode(seccomp) === ANSWER_ENOSYS) return new Uint8Array(0)
  const names = [...new Set(seccomp.syscalls.flatMap(rule => rule.names))]
  const tokens = [nativeArchitecture(), ...architectures.map(({ token }) => token)]
  return enosysPrologue(tokens.map(token => ({ token, numbers: syscallNumbers(token, names) })))
}
