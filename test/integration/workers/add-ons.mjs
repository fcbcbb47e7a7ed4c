/** Runs a container twice and prints how often each function of the add-ons was asked for in each run. Argument: a directory. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createRuntime } from '../../../dist/index.js'

const [directory, prefix] = process.argv.slice(2)
const require = createRequire(import.meta.url)
const counts = {}
const count = (add, names) => {
  for (const name of names) {
    const called = add[name]
    add[name] = (...args) => {
      counts[name]++
      return called(...args)
    }
    counts[name] = 0
  }
}
count(require('ref-napi'), ['address', 'readPointer', 'writePointer'])
count(require('ffi-napi/lib/bindings'), ['ffi_prep_cif', 'ffi_call'])

const runtime = createRuntime({ root: `${directory}/state` })
const config = JSON.parse(readFileSync(`${directory}/config.json`, 'utf8'))
const told = []
for (const id of [`${prefix}-1`, `${prefix}-2`]) {
  for (const name of Object.keys(counts)) counts[name] = 0
  await runtime.run({ id, rootfs: `${directory}/rootfs`, config })
  told.push({ ...counts })
}
console.log(JSON.stringify(told))
