/** A small interpreter for the instructions that the device filter uses, strict like the kernel's verifier. */

const BYTES = 8
const LENGTH_LIMIT = 4096

export interface Access {
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
  /** Some of `r`, `w`, `m`. */
  readonly access: string
}

interface Machine {
  readonly registers: bigint[]
  readonly context: DataView
}

interface Decoded {
  readonly code: number
  readonly to: number
  readonly from: number
  readonly offset: number
  readonly value: bigint
}

const word = (value: bigint) => BigInt.asUintN(32, value)

function contextOf({ type, major, minor, access }: Access): DataView {
  const bits = [...access].reduce((sum, letter) => sum | ({ m: 1, r: 2, w: 4 }[letter] ?? 0), 0)
  const view = new DataView(new ArrayBuffer(12))
  view.setUint32(0, (bits << 16) | (type === 'b' ? 1 : 2), true)
  view.setUint32(4, major, true)
  view.setUint32(8, minor, true)
  return view
}

export function decode(program: Uint8Array): readonly Decoded[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  return Array.from({ length: program.length / BYTES }, (_, index) => ({
    code: view.getUint8(index * BYTES),
    to: view.getUint8(index * BYTES + 1) & 15,
    from: view.getUint8(index * BYTES + 1) >> 4,
    offset: view.getInt16(index * BYTES + 2, true),
    value: BigInt(view.getInt32(index * BYTES + 4, true)),
  }))
}

type Step = (machine: Machine, instruction: Decoded) => boolean

const register = ({ registers }: Machine, index: number): bigint => {
  const value = registers[index]
  if (value === undefined) throw new Error(`register ${index} is read before it is written`)
  return value
}

const assign = (compute: (machine: Machine, instruction: Decoded) => bigint): Step => {
  return (machine, instruction) => {
    machine.registers[instruction.to] = BigInt.asUintN(64, compute(machine, instruction))
    return false
  }
}

/** What each code does; true: jump. */
const STEPS: Readonly<Record<number, Step>> = {
  97: assign(({ context }, { offset }) => BigInt(context.getUint32(offset, true))),
  191: assign((machine, { from }) => register(machine, from)),
  183: assign((_, { value }) => value),
  87: assign((machine, { to, value }) => register(machine, to) & BigInt.asUintN(64, value)),
  119: assign((machine, { to, value }) => register(machine, to) >> value),
  5: () => true,
  85: (machine, { to, value }) => register(machine, to) !== BigInt.asUintN(64, value),
  86: (machine, { to, value }) => word(register(machine, to)) !== word(value),
  69: (machine, { to, value }) => (register(machine, to) & BigInt.asUintN(64, value)) !== 0n,
}

const EXIT = 0x95

/** True where the program allows the access. Throws for what the kernel would refuse to load. */
export function runFilter(program: Uint8Array, access: Access): boolean {
  const instructions = decode(program)
  const machine: Machine = { registers: [], context: contextOf(access) }
  let at = 0
  for (let count = 0; count < LENGTH_LIMIT; count++) {
    const instruction = instructions[at]
    if (instruction === undefined) throw new Error(`the program runs out of its end, at ${at}`)
    if (instruction.code === EXIT) return register(machine, 0) === 1n
    const step = STEPS[instruction.code]
    if (step === undefined) throw new Error(`code 0x${instruction.code.toString(16)} is not expected`)
    at += 1 + (step(machine, instruction) ? instruction.offset : 0)
  }
  throw new Error('the program does not end')
}

/** Indices of instructions that nothing leads to; the kernel loads no program that has some. */
export function unreachable(program: Uint8Array): readonly number[] {
  const instructions = decode(program)
  const seen = new Set<number>()
  const open = [0]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const instruction = instructions[at]
    if (instruction === undefined) throw new Error(`a jump leads out of the program, to ${at}`)
    if (seen.has(at)) continue
    seen.add(at)
    if (instruction.code === EXIT) continue
    const jumps = (instruction.code & 7) === 5 || (instruction.code & 7) === 6
    if (jumps) open.push(at + 1 + instruction.offset)
    if (instruction.code !== 0x05) open.push(at + 1)
  }
  return instructions.map((_, index) => index).filter(index => !seen.has(index))
}
