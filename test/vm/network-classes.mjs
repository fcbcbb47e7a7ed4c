/** Run where net_cls and net_prio are mounted as version 1, beside version 2: prints what the cgroup of a container has. */
import { readFileSync } from 'node:fs'
import { withSleeper } from './box.mjs'

const network = { classID: 1_048_577, priorities: [{ name: 'lo', priority: 500 }] }

await withSleeper({ linux: { cgroupsPath: '/network', resources: { network } } }, () => {
  const read = file => readFileSync(`/run/v1/${file}`, 'utf8').trim()
  const classid = read('net_cls/network/net_cls.classid')
  const lo = read('net_prio/network/net_prio.ifpriomap')
    .split('\n')
    .find(line => line.startsWith('lo '))
  console.log(JSON.stringify({ classid, lo }))
})
