/** An interpreter of classic BPF as seccomp(2) runs it, for architectures that this machine is not. */

export interface Call {
  readonly architecture: number
  readonly number: number
  readonly args?: readonly bigint[]
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function seccompData({ architecture, number, args = [] }: Call): DataView {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, number, LITTLE_ENDIAN)
  data.setUint32(4, architecture, LITTLE_ENDIAN)
  args.forEach((value, index) => {
    data.setBigUint64(16 + 8 * index, value, LITTLE_ENDIAN)
  })
  return data
}

const JUMPS: Readonly<Record<number, (a: number, k: number) => boolean>> = {
  21: (a, k) => a === k,
  37: (a, k) => a > k,
  53: (a, k) => a >= k,
  69: (a, k) => (a & k) !== 0,
}

/** What the program answers: SECCOMP_RET_* with its data. Throws where the kernel would refuse the program. */
export function run(program: Uint8Array, call: Call): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const data = seccompData(call)
  let a = 0
  for (let at = 0; at < program.length; at += 8) {
    const code = view.getUint16(at, LITTLE_ENDIAN)
    const k = view.getUint32(at + 4, LITTLE_ENDIAN)
    const test = JUMPS[code]
    if (code === 6) return k
    if (code === 32) a = data.getUint32(k, LITTLE_ENDIAN)
    else if (code === 84) a = (a & k) >>> 0
    else if (code === 5) at += 8 * k
    else if (test !== undefined) at += 8 * view.getUint8(at + (test(a, k) ? 2 : 3))
    else throw new Error(`instruction ${at / 8} has the code ${code}`)
  }
  throw new Error('the program runs off its end')
}
