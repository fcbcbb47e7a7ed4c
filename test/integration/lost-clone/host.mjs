/**
 * Executes a program in a container, and kills the helper when it has cloned the process that goes on and has not told of it: to be run
 * under strace, which holds every clone for a while. Prints as JSON what has come of it. host.mjs ROOT BUNDLE ID
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRuntime } from '../../../dist/index.js'

const [root, bundle, id] = process.argv.slice(2)

const readIfThere = path => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function describe(pid) {
  const status = readIfThere(`/proc/${pid}/status`)
  const field = name => new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)?.[1] ?? ''
  // It has a number in each pid namespace that it is in.
  return {
    pid,
    name: field('Name'),
    isAlive: !field('State').startsWith('Z'),
    depth: field('NSpid').split('\t').length,
  }
}

const childrenOf = () =>
  readFileSync('/proc/thread-self/children', 'utf8')
    .split(' ')
    .filter(text => text !== '')
    .map(pid => describe(Number(pid)))
    .filter(({ name }) => name === 'tsrun-init')

async function killParent() {
  for (let left = 5000; left > 0; left--) {
    const children = childrenOf()
    const deepest = Math.max(...children.map(({ depth }) => depth))
    const parent = children.find(({ depth, isAlive }) => isAlive && depth < deepest)
    if (parent !== undefined) return process.kill(parent.pid, 'SIGKILL')
    await sleep(1)
  }
  return false
}

const container = await createRuntime({ root }).create({ id, bundle, stdio: 'ignore' })
try {
  await container.start()
  const killing = killParent()
  const error = await container.exec({ args: ['/bin/true'], stdio: 'ignore' }).catch(reason => reason)
  console.log(JSON.stringify({ killed: await killing, code: error.code, left: childrenOf() }))
} finally {
  await container.delete({ force: true })
}
