/** Makes, uses and removes containers without an end, several at a time: many.mjs ROOT BUNDLE PREFIX. Says `ready` when the first is gone. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime } from '../../../dist/index.js'

const [root, bundle, prefix] = process.argv.slice(2)
const runtime = createRuntime({ root, log: () => {} })
const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))

async function cycle(id) {
  const own = { ...config, linux: { ...config.linux, cgroupsPath: `/${id}` } }
  const container = await runtime.create({ id, rootfs: join(bundle, 'rootfs'), config: own, stdio: 'ignore' })
  await container.start()
  await (await container.exec({ args: ['/bin/true'], stdio: 'ignore' })).wait()
  await container.delete({ force: true })
}

await cycle(`${prefix}-first`)
console.log('ready')
for (let round = 0; ; round++) await Promise.all([1, 2, 3].map(place => cycle(`${prefix}-${round}-${place}`)))
