/**
 * Works on a container and kills itself at the nth system call that it makes through FFI or node:fs.
 * victim.mjs ROOT BUNDLE ID WHAT N: WHAT is a verb of `steps`; prints `done CALLS` when n was more than there are.
 */
import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'

const [root, bundle, id, what, limit] = process.argv.slice(2)
const require = createRequire(import.meta.url)
let armed = false
let calls = 0

function step() {
  if (armed && ++calls === Number(limit)) process.kill(process.pid, 'SIGKILL')
}

const bindings = require('ffi-napi/lib/bindings')
const call = bindings.ffi_call
bindings.ffi_call = (...values) => {
  step()
  return call(...values)
}
for (const name of [
  'openSync',
  'mkdirSync',
  'writeFileSync',
  'appendFileSync',
  'writeSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
]) {
  const original = fs[name]
  fs[name] = (...values) => {
    step()
    return original(...values)
  }
}
syncBuiltinESMExports()

const { createRuntime } = await import('../../../dist/index.js')
const runtime = createRuntime({ root })
const steps = {
  create: () => runtime.create({ id, bundle, stdio: 'ignore' }),
  start: async () => (await runtime.get(id)).start(),
  delete: async () => (await runtime.get(id)).delete({ force: true }),
  exec: async () => (await (await runtime.get(id)).exec({ args: ['/bin/true'], stdio: 'ignore' })).wait(),
  run: () => runtime.run({ id, bundle }),
  kill: async () => (await runtime.get(id)).kill('SIGTERM'),
  pause: async () => (await runtime.get(id)).pause(),
  resume: async () => (await runtime.get(id)).resume(),
  update: async () => (await runtime.get(id)).update({ pids: { limit: 50 } }),
}
armed = true
await steps[what]()
armed = false
process.stdout.write(`done ${calls}\n`, () => process.exit(0))
