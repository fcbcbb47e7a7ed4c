/** Verdicts that are right while the machine is busy: programs that end in every way, four at a time. `.ci/nightly` runs a thousand. */
import t from 'tap'
import { Sandbox } from '../../lib/sandbox/index.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { STAY_BUSY } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp'), timeout: 7_200_000 }
/** 60, or 1,000 at night. */
const RUNS = effort.times > 1 ? 1000 : 60
const AT_A_TIME = 4

const ENDS = {
  ok: { command: 'echo fine' },
  exit: { command: 'echo wrong >&2; exit 3' },
  signal: { command: 'kill -SEGV $$' },
  timeout: { command: 'sleep 1000', timeoutMs: 150 },
  cpu: { command: `(${STAY_BUSY}) & (${STAY_BUSY}) & wait`, cpuMs: 100 },
  output: { command: 'yes', outputLimit: '16k' },
  memory: { command: 'dd if=/dev/zero of=/dev/null bs=200M count=1' },
  // Near to a limit, and within it.
  slow: { command: 'sleep 0.2; echo slow', timeoutMs: 20_000, cpuMs: 10_000 },
  large: { command: 'head -c 60000 /dev/zero', outputLimit: '64k' },
  full: { command: 'dd if=/dev/zero of=/dev/null bs=20M count=1 2>/dev/null' },
} as const

const VERDICTS: Readonly<Record<keyof typeof ENDS, string>> = {
  ...{
    ok: 'ok',
    exit: 'exit',
    signal: 'signal',
    timeout: 'timeout',
    cpu: 'timeout',
    output: 'output',
    memory: 'memory',
  },
  ...{ slow: 'ok', large: 'ok', full: 'ok' },
}

const names = Object.keys(ENDS) as (keyof typeof ENDS)[]

t.test(`${RUNS} commands, four at a time, without a wrong verdict`, skip, async t => {
  const pool = await Sandbox.pool({ size: 2, maximum: AT_A_TIME, limits: { memory: '96M', pids: 32 } })
  t.teardown(() => pool.stop())
  const wrong: string[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let run = next++; run < RUNS; run = next++) {
      const name = names[run % names.length] ?? 'ok'
      const { command, ...options } = ENDS[name]
      const { verdict, usage } = await pool.use(box => box.commands.run(command, options))
      if (verdict !== VERDICTS[name])
        wrong.push(`${name}: ${verdict} after ${usage.wallMs} ms, ${usage.cpuMs} ms of CPU`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
  t.same(wrong, [])
})
