/** A process that uses the library: a container of its own, and programs in it. Arguments: bundle, state directory. */
import { createRuntime } from '../../dist/index.js'

const [bundle, root] = process.argv.slice(2)
const container = await createRuntime({ root }).create({ id: `bench-exec-${process.pid}`, bundle, stdio: 'ignore' })
await container.start()

async function once() {
  const began = performance.now()
  const program = await container.exec({ args: ['/bin/true'], stdio: 'ignore' })
  const { exitCode } = await program.wait()
  if (exitCode !== 0) throw new Error(`exec ended with ${exitCode}`)
  return (performance.now() - began) * 1000
}

process.on('message', async cycles => {
  const times = []
  for (let i = 0; i < cycles; i++) times.push(await once())
  process.send(times)
})

process.on('disconnect', async () => {
  await container.delete({ force: true })
  process.exit()
})
