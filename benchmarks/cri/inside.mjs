/** The rounds, in the namespaces of the engine: prints `{ [call]: { [runtime]: milliseconds[] } }`. */
import { openNode } from '../../test/engines/cri/pods.mjs'

const { WORK, CGROUP } = process.env
const rounds = Number(process.argv[2])
const runtimes = ['runc', 'standalone', 'tsrun']
const times = {}

async function clock({ call, runtime, isKept }, work) {
  const start = process.hrtime.bigint()
  const result = await work()
  const took = Number(process.hrtime.bigint() - start) / 1e6
  times[call] ??= Object.fromEntries(runtimes.map(name => [name, []]))
  if (isKept) times[call][runtime].push(took)
  return result
}

const nodes = runtimes.map(runtime => ({
  runtime,
  node: openNode({ socket: `${WORK}/containerd.sock`, handler: runtime, cgroup: CGROUP, folder: `${WORK}/scratch` }),
}))

/** The first round is for what is not in memory yet. */
async function play({ runtime, node }, round) {
  const about = call => ({ call, runtime, isKept: round > 0 })
  const pod = await clock(about('RunPodSandbox'), () => node.runPod({ name: `${runtime}-${round}` }))
  const container = await pod.create({ command: ['sleep', '1000'] })
  const containerId = container.id
  await clock(about('StartContainer'), () => node.call('StartContainer', { containerId }))
  for (let times = 0; times < 3; times++)
    await clock(about('ExecSync'), () => node.call('ExecSync', { containerId, cmd: ['true'], timeout: 10 }))
  await clock(about('UpdateContainerResources'), () =>
    node.call('UpdateContainerResources', { containerId, linux: { cpuShares: 512 } }),
  )
  await clock(about('StopContainer'), () => container.stop(0))
  await clock(about('RemoveContainer'), () => container.remove())
  await clock(about('StopPodSandbox'), () => pod.stop())
  await clock(about('RemovePodSandbox'), () => pod.remove())
}

for (let round = 0; round <= rounds; round++)
  for (const each of round % 2 === 0 ? nodes : nodes.toReversed()) await play(each, round)
await nodes[0].node.removeAll()
for (const { node } of nodes) node.close()
console.log(JSON.stringify(times))
