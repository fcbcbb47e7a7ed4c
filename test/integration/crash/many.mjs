/**
 * Makes, uses and removes containers without an end, several at a time, on each kind of root: many.mjs ROOT BUNDLE PREFIX. Says `ready` when the first
 * are gone.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime } from '../../../dist/index.js'

const [root, bundle, prefix] = process.argv.slice(2)
const runtime = createRuntime({ root, log: () => {} })
const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))

const rootfs = join(bundle, 'rootfs')
const top = join(bundle, 'top')
mkdirSync(top, { recursive: true })
const layers = [rootfs, top]
const roots = [rootfs, { layers, upper: 'memory' }, { layers, upper: { dir: join(bundle, 'kept') } }]

async function cycle(id, root) {
  const own = { ...config, linux: { ...config.linux, cgroupsPath: `/${id}` } }
  const container = await runtime.create({ id, rootfs: root, config: own, stdio: 'ignore' })
  await container.start()
  await (await container.exec({ args: ['/bin/true'], stdio: 'ignore' })).wait()
  await container.delete({ force: true })
}

await Promise.all(roots.map((root, place) => cycle(`${prefix}-first-${place}`, root)))
console.log('ready')
for (let round = 0; ; round++) await Promise.all(roots.map((root, place) => cycle(`${prefix}-${round}-${place}`, root)))
