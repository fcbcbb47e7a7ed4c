// Mutates valid configurations and tries them: `npm run fuzz -- COUNT SEED`. Prints the documents that are answered with
// anything but a typed error, or too late, and then exits with 1. Without a seed, each run has another one.
import { tsImport } from 'tsx/esm/api'

const [count = 100_000, seed = Date.now() >>> 0] = process.argv.slice(2).map(Number)
if (!(Number.isSafeInteger(count) && count > 0 && Number.isSafeInteger(seed))) {
  console.error('usage: npm run fuzz -- [COUNT [SEED]]')
  process.exit(2)
}

const { fuzz } = await tsImport('../test/config/fuzz.ts', import.meta.url)
console.log(`${count} documents, seed ${seed}`)
const { answers, faults, slowest } = fuzz({ count, seed })
console.log({ ...answers, slowest: `${Math.round(slowest)} ms` })
for (const { document, why, seed } of faults.slice(0, 20))
  console.log(`\nseed ${seed}: ${why}\n${document.slice(0, 4000)}`)
console.log(`${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
