/** Runs a container again and again in this thread, `times` times. */
import { parentPort, workerData } from 'node:worker_threads'
import { createRuntime } from '../../../dist/index.js'

const { root, rootfs, config, name, times } = workerData
const runtime = createRuntime({ root })
for (let count = 0; count < times; count++) {
  const id = `${name}-${count}`
  const { stdout } = await runtime.run({
    id,
    rootfs,
    config: { ...config, linux: { ...config.linux, cgroupsPath: `/${id}` } },
  })
  if (stdout !== 'hello\n') throw new Error(`standard output: ${JSON.stringify(stdout)}`)
}
parentPort.postMessage('done')
