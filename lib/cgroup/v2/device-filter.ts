/**
 * The device list as an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE), for cgroup v2. Pure.
 *
 * The kernel calls it with the kind of device, its numbers, and what is wanted: any of mknod, read and write. The rules
 * are tried from the last to the first, and each settles those bits of what is wanted that it speaks of. So a rule that
 * denies writing is not got around by asking for reading and writing at once.
 */
import type { DeviceRule } from '../../config/config.js'

const MKNOD = 1
const READ = 2
const WRITE = 4
const EVERYTHING = MKNOD | READ | WRITE
const BITS: Readonly<Record<string, number>> = { m: MKNOD, r: READ, w: WRITE }

const BLOCK = 1
const CHARACTER = 2

/** Registers: the answer, the context; then what the program takes from it. */
const R0 = 0
const CONTEXT = 1
const TYPE = 2
const WANTED = 3
const MAJOR = 4
const MINOR = 5

// Instruction codes of the kernel's eBPF: class, operation and source in one byte.
const LOAD_WORD = 0x61
const MOVE = 0xbf
const MOVE_VALUE = 0xb7
const AND_VALUE = 0x57
const SHIFT_RIGHT = 0x77
const JUMP = 0x05
const JUMP_UNLESS_EQUAL = 0x55
const JUMP_UNLESS_EQUAL_32 = 0x56
const JUMP_IF_ANY_BIT = 0x45
const EXIT = 0x95

interface Instruction {
  readonly code: number
  readonly to?: number
  readonly from?: number
  readonly offset?: number
  readonly value?: number
}

const INSTRUCTION_BYTES = 8

/** struct bpf_cgroup_dev_ctx: type and wanted bits share the first word. */
const PROLOGUE: readonly Instruction[] = [
  { code: LOAD_WORD, to: TYPE, from: CONTEXT },
  { code: MOVE, to: WANTED, from: TYPE },
  { code: AND_VALUE, to: TYPE, value: 0xffff },
  { code: SHIFT_RIGHT, to: WANTED, value: 16 },
  { code: LOAD_WORD, to: MAJOR, from: CONTEXT, offset: 4 },
  { code: LOAD_WORD, to: MINOR, from: CONTEXT, offset: 8 },
]

const answer = (allow: boolean): Instruction[] => [{ code: MOVE_VALUE, to: R0, value: allow ? 1 : 0 }, { code: EXIT }]

/** The program's instructions, as the kernel of a little-endian machine takes them; what no rule mentions is denied. */
export function assembleDeviceFilter(rules: readonly DeviceRule[]): Uint8Array {
  // What a rule for everything makes unreachable is left out: the kernel refuses a program with dead code.
  const first = rules.findLastIndex(isForEverything)
  const ending = first < 0 ? answer(false) : []
  const body = rules.slice(Math.max(first, 0)).toReversed().flatMap(compileRule)
  return encode([...PROLOGUE, ...body, ...ending])
}

const accessOf = ({ access }: DeviceRule): number => [...access].reduce((bits, letter) => bits | (BITS[letter] ?? 0), 0)

const isForEverything = (rule: DeviceRule): boolean =>
  rule.type === 'a' && rule.major === null && rule.minor === null && accessOf(rule) === EVERYTHING

function compileRule(rule: DeviceRule): Instruction[] {
  const verdict = rule.allow ? allowing(accessOf(rule)) : denying(accessOf(rule))
  const { type, major, minor } = rule
  const conditions: Instruction[] = []
  if (type !== 'a') conditions.push({ code: JUMP_UNLESS_EQUAL, to: TYPE, value: type === 'b' ? BLOCK : CHARACTER })
  // A 64-bit comparison would take the value as signed.
  if (major !== null) conditions.push({ code: JUMP_UNLESS_EQUAL_32, to: MAJOR, value: major })
  if (minor !== null) conditions.push({ code: JUMP_UNLESS_EQUAL_32, to: MINOR, value: minor })
  const skip = (index: number): number => conditions.length - index - 1 + verdict.length
  return [...conditions.map((condition, index) => ({ ...condition, offset: skip(index) })), ...verdict]
}

/** Takes the bits off what is wanted; with nothing left, all of it has been allowed. */
function allowing(bits: number): Instruction[] {
  if (bits === EVERYTHING) return answer(true)
  return [
    { code: AND_VALUE, to: WANTED, value: EVERYTHING & ~bits },
    { code: JUMP_UNLESS_EQUAL, to: WANTED, value: 0, offset: 2 },
    ...answer(true),
  ]
}

function denying(bits: number): Instruction[] {
  if (bits === EVERYTHING) return answer(false)
  return [{ code: JUMP_IF_ANY_BIT, to: WANTED, value: bits, offset: 1 }, { code: JUMP, offset: 2 }, ...answer(false)]
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES)
  const view = new DataView(bytes.buffer)
  instructions.forEach(({ code, to = 0, from = 0, offset = 0, value = 0 }, index) => {
    const at = index * INSTRUCTION_BYTES
    view.setUint8(at, code)
    view.setUint8(at + 1, to | (from << 4))
    view.setInt16(at + 2, offset, true)
    view.setUint32(at + 4, value, true)
  })
  return bytes
}
