/** `node play.mjs TITLE`, or `--ready` to wait for the engine: plays that scenario with the engine of the sandbox that this runs in, and prints what is seen. */
import { criScenarios } from '../scenarios/cri.mjs'
import { openNode, until } from './pods.mjs'

const { WORK, CGROUP, RUNTIME_NAME } = process.env
const title = process.argv[2]
const { play } = title === '--ready' ? { play: ready } : criScenarios.find(each => each.title === title)
const node = openNode({
  socket: `${WORK}/containerd.sock`,
  handler: RUNTIME_NAME,
  cgroup: CGROUP,
  folder: `${WORK}/scratch`,
})

/** The engine has its images and its network: it looks for the former when it begins, and when one comes. */
async function ready() {
  const isReady = async () =>
    (await node.call('Status')).status.conditions.every(({ status }) => status) ? true : undefined
  await until(isReady, 'the engine is ready')
  await until(() => node.runPod().catch(() => undefined), 'a first pod')
}

const say = value => console.log(typeof value === 'string' ? value : JSON.stringify(value))

/** gRPC's number of an error; its words have the runtime's in them. */
const refused = async promise => {
  try {
    await promise
    return 'accepted'
  } catch (error) {
    console.error(error.details ?? error)
    return `refused with ${error.code}`
  }
}

try {
  await play(node, say, refused)
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await node.removeAll()
  node.close()
}
