/** Images of a given size, the same each time: files of all sizes, of which half can be compressed. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MIB = 2 ** 20
const FILES_OF_A_FOLDER = 100
const LARGEST = 17
const SMALLEST = 9

/** Pseudo-random numbers from 0 up to 1 (mulberry32). */
function numbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function bytesOf(size, next) {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE((at & 256) === 0 ? next() * 2 ** 32 : at & 0xff00, at)
  return bytes
}

function writeTree(directory, { size, seed }) {
  const next = numbers(seed)
  for (let [written, count] = [0, 0]; written < size; count++) {
    const folder = join(directory, `srv/${seed}/${Math.floor(count / FILES_OF_A_FOLDER)}`)
    mkdirSync(folder, { recursive: true })
    const bytes = bytesOf(Math.floor(2 ** (SMALLEST + next() * (LARGEST - SMALLEST))), next)
    writeFileSync(join(folder, String(count)), bytes)
    written += bytes.length
  }
}

/** In the store, with busybox in its first layer. Its blobs have about so many megabytes, the files twice as many. */
export async function makeImage(images, { name, megabytes, layers, folder, busybox }) {
  const config = { Entrypoint: ['/bin/busybox'] }
  for (let layer = 0; layer < layers; layer++) {
    const directory = join(folder, 'tree')
    mkdirSync(join(directory, 'bin'), { recursive: true })
    if (layer === 0) copyFileSync(busybox, join(directory, 'bin/busybox'))
    writeTree(directory, { size: (2 * MIB * megabytes) / layers, seed: layer + 1 })
    if (layer === 0) await images.importRoot(directory, name, { config })
    else await images.commit(directory, name, { base: name })
    rmSync(directory, { recursive: true })
  }
}
