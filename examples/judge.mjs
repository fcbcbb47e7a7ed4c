/**
 * A judge: runs a program with each input, one sandbox for each, out of a pool, and says what became of it. Arguments are the command of the program.
 * `node examples/judge.mjs DIRECTORY sh solution.sh`; the directory has `1.in`, `1.out`, `2.in` and so on.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Sandbox } from 'tsrun/sandbox'

/** What a time-out, a limit and the rest are called where programs are judged. */
const WORDS = {
  timeout: 'time',
  memory: 'memory',
  output: 'output',
  exit: 'failed',
  signal: 'failed',
  denied: 'failed',
}

export async function judge(directory, command, { wallMs = 10_000, cpuMs = 2000 } = {}) {
  const cases = readdirSync(directory)
    .filter(name => /^\d+\.in$/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  const mounts = [{ source: resolve(directory), target: '/program' }]
  const pool = await Sandbox.pool({ size: 2, maximum: 4, mounts, cwd: '/program', limits: { pids: 32 } })
  try {
    return await Promise.all(
      cases.map(name =>
        pool.use(async box => {
          const input = readFileSync(`${directory}/${name}`)
          const result = await box.commands.run(command, { input, timeoutMs: wallMs, cpuMs, outputLimit: '4M' })
          const expected = readFileSync(`${directory}/${name.replace('.in', '.out')}`, 'utf8')
          const isRight = result.stdout.trimEnd() === expected.trimEnd()
          const verdict = result.verdict === 'ok' ? (isRight ? 'accepted' : 'wrong') : WORDS[result.verdict]
          return { name, verdict, ...result.usage }
        }),
      ),
    )
  } finally {
    await pool.stop()
  }
}

const [directory, ...command] = process.argv.slice(2)
if (command.length > 0) {
  for (const { name, verdict, cpuMs } of await judge(directory, command))
    console.log(`${name} ${verdict} ${Math.round(cpuMs ?? 0)} ms`)
}
