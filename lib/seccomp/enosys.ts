/**
 * A prologue for filters that deny by default: what is newer than the profile is answered with ENOSYS.
 *
 * A C library tries a new system call first and falls back to an old one when it hears ENOSYS; told EPERM, it gives up.
 * A profile written before clone3(2) existed would break every program that is linked against a glibc written after.
 * So a number above all that the profile names gets ENOSYS; the filter itself goes on deciding about all others.
 * The prologue never allows anything.
 */

/** One instruction of classic BPF (struct sock_filter). */
interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** The system calls of one architecture, as libseccomp tells them apart. */
export interface NamedSyscalls {
  /** libseccomp's token of the architecture. */
  readonly token: number
  /** The numbers of the system calls that the profile names; negative ones are not of this architecture. */
  readonly numbers: Int32Array
}

const X86_64 = 0xc000003e
/** libseccomp's own token: for the kernel x32 is x86-64 with a bit set in the number. */
const X32 = 0x4000003e
const ARM = 0x40000028
const S390 = 0x16
const S390X = 0x80000016
const X32_BIT = 0x40000000

/** Numbers that lie above the table that grows, and so say nothing about the age of a profile. */
const APART: Readonly<Record<number, readonly [first: number, last: number]>> = {
  // The x32 variants of old system calls.
  [X32]: [X32_BIT + 512, X32_BIT + 547],
  // cacheflush, set_tls and the like.
  [ARM]: [0x0f0000, 0x0fffff],
}

/**
 * Old architectures had one system call for all of sockets and one for System V IPC. libseccomp knows theirs by numbers
 * of its own, and allows what was added later as well: the direct system calls, the last of which is 402.
 */
const MULTIPLEXED = { first: -299, last: -100, direct: 402 }
const MIPS = 0x8
const MIPSEL = 0x40000008
const MIPS_BASE = 4000

const ENOSYS = 38
const RET_ERRNO = 0x00050000
const BPF_LOAD = 0x20
const BPF_JUMP = 0x05
const BPF_JUMP_EQUAL = 0x15
const BPF_JUMP_GREATER = 0x25
const BPF_JUMP_NOT_LESS = 0x35
const BPF_JUMP_ANY_BIT = 0x45
const BPF_RETURN = 0x06
const OFFSET_NUMBER = 0
const OFFSET_ARCHITECTURE = 4

const load = (offset: number): Instruction => ({ code: BPF_LOAD, jt: 0, jf: 0, k: offset })
/** `yes` and `no` say how many instructions are skipped. */
const jump = (code: number, k: number, yes: number, no: number): Instruction => ({ code, jt: yes, jf: no, k })
const answerEnosys: Instruction = { code: BPF_RETURN, jt: 0, jf: 0, k: RET_ERRNO | ENOSYS }
/** Its distance is known when all is laid out; an unconditional jump reaches any. */
const toFilter: Instruction = { code: BPF_JUMP, jt: 0, jf: 0, k: 0 }

/**
 * The prologue as an array of struct sock_filter, to be followed by the filter; empty if no architecture needs one,
 * since the profile names nothing that it has.
 */
export function enosysPrologue(architectures: readonly NamedSyscalls[]): Uint8Array {
  const tables = new Map(
    architectures.flatMap(({ token, numbers }) => {
      const table = decide(token, numbers)
      return table.length === 0 ? [] : [[token, table] as const]
    }),
  )
  if (tables.size === 0) return new Uint8Array(0)
  const sections = [...tables].filter(([token]) => token !== X32 && token !== X86_64)
  const instructions = [
    load(OFFSET_ARCHITECTURE),
    ...sections.flatMap(([token, table]) => section(token, table)),
    ...(tables.has(X86_64) || tables.has(X32) ? section(X86_64, decideX86(tables)) : []),
  ]
  return encode([...instructions, toFilter])
}

/** What is done for an architecture; conditional jumps reach 255 instructions, and a section has about ten. */
function section(audit: number, table: readonly Instruction[]): readonly Instruction[] {
  return [jump(BPF_JUMP_EQUAL, audit, 0, table.length + 1), load(OFFSET_NUMBER), ...table]
}

function decideX86(tables: ReadonlyMap<number, readonly Instruction[]>): readonly Instruction[] {
  const x32 = tables.get(X32) ?? [toFilter]
  return [jump(BPF_JUMP_ANY_BIT, X32_BIT, 0, x32.length), ...x32, ...(tables.get(X86_64) ?? [toFilter])]
}

/** Decides about the number that is loaded, and always leaves: with ENOSYS or to the filter. */
function decide(token: number, numbers: Int32Array): readonly Instruction[] {
  const highest = highestOf(token, numbers)
  if (highest < 0) return []
  const known = apart(token)
  return [...svcZero(token), jump(BPF_JUMP_GREATER, highest, 0, known.length + 1), ...known, answerEnosys, toFilter]
}

/** The highest number that tells a profile's age; negative if there is none. */
function highestOf(token: number, numbers: Int32Array): number {
  const [end] = APART[token] ?? [Number.POSITIVE_INFINITY]
  const highest = numbers.reduce((high, number) => (number > high && number < end ? number : high), -1)
  const isMultiplexed = numbers.some(number => number >= MULTIPLEXED.first && number <= MULTIPLEXED.last)
  const base = token === MIPS || token === MIPSEL ? MIPS_BASE : 0
  return isMultiplexed ? Math.max(highest, base + MULTIPLEXED.direct) : highest
}

/** Skips the answer if the number is one of those apart. */
function apart(token: number): readonly Instruction[] {
  const range = APART[token]
  return range === undefined ? [] : [jump(BPF_JUMP_NOT_LESS, range[0], 0, 1), jump(BPF_JUMP_GREATER, range[1], 0, 1)]
}

/** s390 passes numbers above 255 in a register; if the kernel does not know one, the filter sees a 0. */
function svcZero(token: number): readonly Instruction[] {
  return token === S390 || token === S390X ? [jump(BPF_JUMP_EQUAL, 0, 0, 1), answerEnosys] : []
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  instructions.forEach((instruction, index) => {
    const { code, jt, jf, k } = instruction
    view.setUint16(index * 8, code, LITTLE_ENDIAN)
    view.setUint8(index * 8 + 2, jt)
    view.setUint8(index * 8 + 3, jf)
    view.setUint32(index * 8 + 4, instruction === toFilter ? instructions.length - index - 1 : k, LITTLE_ENDIAN)
  })
  return bytes
}
