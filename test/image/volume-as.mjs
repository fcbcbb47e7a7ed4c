// Fills a volume in the directory that is named, from an image of two layers, and removes it, as whatever user runs it. Prints what it saw.
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { openImages } from '../../dist/image/index.js'

const [, , directory] = process.argv
process.umask(0o077)
for (const name of ['root/srv/closed', 'root/srv/both', 'upper/srv/both']) {
  mkdirSync(`${directory}/${name}`, { recursive: true })
  writeFileSync(`${directory}/${name}/${name.startsWith('root') ? 'one' : 'two'}`, 'x')
}
chmodSync(`${directory}/root/srv/closed`, 0o555)
chmodSync(`${directory}/upper/srv`, 0o555)
chmodSync(`${directory}/upper`, 0o555)
const images = openImages({ directory: `${directory}/store` })
await images.importRoot(`${directory}/root`, 'lower:1')
await images.commit(`${directory}/upper`, 'base:1', { base: 'lower:1' })
const mounts = ['/srv', '/none'].map((target, index) => ({ volume: `v${index}`, target }))
const unpacked = await images.unpack('base:1', { mounts })
const modeOf = path => (statSync(path).mode & 0o7777).toString(8)
const seen = unpacked.mounts.map(({ source }) => ({ mode: modeOf(source), names: readdirSync(source) }))
const rootMode = modeOf(unpacked.layers.at(-1))
const both = readdirSync(`${unpacked.mounts[0].source}/both`)
await unpacked.release()
const removed = await images.volumes.prune()
await images.prune({ all: true })
const left = ['volumes', 'unpacking', 'layers/squashed'].flatMap(name =>
  readdirSync(`${directory}/store/tsrun/${name}`),
)
console.log(JSON.stringify({ seen, rootMode, both, removed, left }))
