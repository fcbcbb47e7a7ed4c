/** Run as a user without privileges: makes a scope, starts a process in it, and prints what it found as JSON. */
import { readFileSync, writeFileSync } from 'node:fs'
import { openCgroup } from '../../dist/cgroup/index.js'
import { readResources } from '../../dist/config/read.js'
import { probeHost } from '../../dist/host/probe.js'
import { startPlaceholder } from '../../dist/sys/placeholder.js'

const facts = probeHost().cgroup
const { resources } = readResources({ memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 9 } })
const cgroup = openCgroup({ facts, path: process.argv[2] ?? null, id: 'user-box', manager: 'systemd' })
const found = {}
try {
  await cgroup.claim(resources)
  cgroup.create({ resources })
  const { pid } = await startPlaceholder()
  writeFileSync(`${cgroup.pathIn(0)}/cgroup.procs`, String(pid))
  await cgroup.settle()
  const read = file => readFileSync(`${cgroup.pathIn(0)}/${file}`, 'utf8').trim()
  Object.assign(found, { pid, path: cgroup.pathIn(0), processes: cgroup.pids({ recursive: true }) })
  Object.assign(found, { memory: read('memory.max'), pids: read('pids.max') })
} catch (error) {
  Object.assign(found, { error: error.toJSON?.() ?? String(error) })
}
await cgroup.destroy()
console.log(JSON.stringify(found))
