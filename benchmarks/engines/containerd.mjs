/** containerd with its own client, and with the runtimes in turn. */
import { startContainerd } from '../../test/engines/containerd.mjs'
import { runtimes } from '../../test/engines/sandbox.mjs'
import { outputOf } from './docker.mjs'

const image = 'localhost/bb:latest'
const names = ['tsrun', 'standalone', 'runc']

/** What is measured with it: what the shim asks the runtime for, as often as an engine does. */
export async function makeContainerd(time) {
  const containerd = await startContainerd('runc')
  const run = name => `ctr run -d --runc-binary ${runtimes[name]} ${image}`
  for (const name of names) await outputOf(containerd, `${run(name)} lasting-${name} sleep 100000`)
  const timed = async (cycles, words) => {
    const lines = await outputOf(containerd, `${time} ${cycles} ${words}`)
    return lines.split('\n').map(Number)
  }
  const runAll = (name, cycles) => timed(cycles, `${run(name)} ${name}-% sleep 100000`)
  /** How long it takes until none is running. */
  const stopAll = async (name, cycles) => {
    const times = await timed(cycles, `ctr task delete -f ${name}-%`)
    await timed(cycles, `ctr container rm ${name}-%`)
    return times
  }
  const subjects = names.flatMap(name => [
    {
      what: 'ctr run --detach',
      name: `ctr run with ${name}`,
      cycles: 3,
      run: async cycles => {
        const times = await runAll(name, cycles)
        await stopAll(name, cycles)
        return times
      },
    },
    {
      what: 'ctr task kill, delete',
      name: `ctr stop with ${name}`,
      cycles: 3,
      run: async cycles => {
        await runAll(name, cycles)
        return stopAll(name, cycles)
      },
    },
    {
      what: 'ctr task exec',
      name: `ctr exec with ${name}`,
      cycles: 4,
      run: cycles => timed(cycles, `ctr task exec --exec-id one-% lasting-${name} true`),
    },
  ])
  const stop = async () => {
    await containerd.clean()
    await containerd.stop()
    await containerd.close()
  }
  return { subjects, stop }
}
