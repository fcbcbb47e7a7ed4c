/** SIGKILL at any moment, also in the middle of a system call and of the helper's work: sweep removes what is left. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { leftovers, makeBundle } from '../bundle.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const KILLS = effort.times > 1 ? 300 : 8
/** Some cycles of three containers. */
const LONGEST_MS = 120
const victim = fileURLToPath(new URL('crash/many.mjs', import.meta.url))

/** Those that know its id; a zombie is the machine's first process's to reap. */
function processesOf(prefix: string): string[] {
  const belongs = (pid: string): boolean => {
    try {
      const of = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8')
      return of('cgroup').includes(prefix) && !/^State:\s+[ZX]/m.test(of('status'))
    } catch {
      return false // it ended while we looked
    }
  }
  return readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && belongs(pid))
}

/** From 0 to 1, the same for the same seed. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

t.test(
  `${KILLS} kills of a process that makes containers`,
  { skip: missing('root', 'busybox'), timeout: 1_800_000 },
  async t => {
    const { runtime, bundle, configure, id } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sleep', '1000']
    })
    const random = numbers(effort.seed)
    for (let round = 0; round < KILLS; round++) {
      const prefix = id(`r${round}`)
      const host = spawn(process.execPath, [victim, runtime.root, bundle, prefix], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise(resolve => host.once('exit', resolve))
      await new Promise(resolve => host.stdout.once('data', resolve))
      // The moment is what is tried, and not waited for.
      const moment = random.next().value * LONGEST_MS
      await sleep(moment)
      host.kill('SIGKILL')
      await ended
      const swept = await runtime.sweep()
      const ids = readdirSync(runtime.root).filter(name => !name.startsWith('.'))
      // One that was cut off before it had a record: nobody knows whose it is, and it is nothing but the id.
      for (const each of ids) await runtime.delete(each, { force: true })
      await until(() => processesOf(prefix).length === 0, 'the processes have ended')
      t.strictSame(
        leftovers(prefix),
        [],
        `killed after ${moment.toFixed(1)} ms: ${swept.length} swept, ${ids.length} deleted`,
      )
      t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /overlay.*upperdir=u/, 'no root of layers on the host')
    }
  },
)
