/**
 * `npm run bench -- cri`: what the kubelet waits for, with tsrun's executable, tsrun on Node and runc in turn, through one containerd.
 * Prints a table of medians; exits with 1 if one of the executable's is more than runc's.
 */
import { fileURLToPath } from 'node:url'
import { startCri } from '../../test/engines/cri.mjs'
import { quantile, ratio } from '../statistics.mjs'

const inside = fileURLToPath(new URL('inside.mjs', import.meta.url))
const rounds = process.argv.includes('--quick') ? 3 : 30
/** What is asked of the executable: at most as much as runc, for each call that the runtime does the work of. */
const MAX = 1
const judged = ['RunPodSandbox', 'StartContainer', 'ExecSync', 'StopContainer', 'StopPodSandbox']

const engine = await startCri('runc')
try {
  const { exitCode, stdout, stderr } = await engine.run(`${process.execPath} ${inside} ${rounds}`, { timeout: 900_000 })
  if (exitCode !== 0) throw new Error(`the rounds did not come to their end: ${stderr}`)
  const times = JSON.parse(stdout)
  console.log('| call | runtime | median ms | 10 % to 90 % | × runc |\n|---|---|---:|---:|---:|')
  const over = []
  for (const [call, byRuntime] of Object.entries(times))
    for (const [runtime, each] of Object.entries(byRuntime)) {
      const toRunc = ratio(
        each.map(time => [time]),
        byRuntime.runc.map(time => [time]),
      )
      const [low, middle, high] = [0.1, 0.5, 0.9].map(share => quantile(each, share).toFixed(1))
      console.log(`| ${call} | ${runtime} | ${middle} | ${low} to ${high} | ${toRunc.toFixed(2)} |`)
      if (runtime === 'standalone' && judged.includes(call) && toRunc > MAX) over.push(call)
    }
  if (over.length > 0) console.log(`\nslower than runc: ${over.join(', ')}`)
  process.exitCode = over.length === 0 ? 0 : 1
} finally {
  await engine.stop()
  await engine.close()
}
