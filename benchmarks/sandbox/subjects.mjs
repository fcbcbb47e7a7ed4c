/** What is measured: each runs `true` of this machine, and knows that it has ended with 0. Times are microseconds. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRuntime, exampleConfig } from '../../dist/index.js'
import { Sandbox } from '../../dist/sandbox/index.js'
import { compile } from '../subjects.mjs'

const HOST = ['/usr', '/bin', '/sbin', '/lib', '/lib64'].filter(path => existsSync(path))
const BWRAP = [...HOST.flatMap(path => ['--ro-bind', path, path]), '--proc', '/proc', '--dev', '/dev', '--unshare-all']

const timed = act => async cycles => {
  const times = []
  for (let i = 0; i < cycles; i++) times.push(await act())
  return times
}

async function microseconds(act) {
  const began = performance.now()
  await act()
  return (performance.now() - began) * 1000
}

function expectZero(what, status) {
  if (status !== 0) throw new Error(`${what} ended with ${status}`)
}

/** The same file systems as a sandbox has, and a program of its own. */
function plainContainers(folder) {
  const runtime = createRuntime({ root: join(folder, 'state'), log: () => {} })
  const config = exampleConfig({ args: ['/bin/true'], terminal: false, hostPaths: HOST })
  let made = 0
  const create = () =>
    runtime.create({
      id: `bench-${process.pid}-${made++}`,
      config,
      rootfs: { layers: [join(folder, 'base')], upper: 'memory' },
      stdio: 'ignore',
    })
  const cycle = async () => {
    const container = await create()
    await container.start()
    const { exitCode } = await container.wait()
    await container.delete()
    expectZero('the container', exitCode)
  }
  return { create, cycle }
}

async function inSandbox() {
  const box = await Sandbox.create()
  const { exitCode } = await box.commands.run(['true'])
  await box.stop()
  expectZero('the sandbox', exitCode)
}

async function bubblewrap() {
  const [status] = await once(spawn('bwrap', [...BWRAP, 'true'], { stdio: 'ignore' }), 'exit')
  expectZero('bwrap', status)
}

/** The time until it has run; then the pool gets the rest that it has between two of its users. */
async function fromPool(pool) {
  let box
  const time = await microseconds(async () => {
    box = await pool.take()
    expectZero('the one of the pool', (await box.commands.run(['true'])).exitCode)
  })
  await box.stop()
  while (pool.counts.ready < 2) await sleep(1)
  return time
}

export async function makeSubjects({ withDocker }) {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-bench-sandbox-'))
  mkdirSync(join(folder, 'base'))
  const plain = plainContainers(folder)
  const [live, box, pool] = [await plain.create(), await Sandbox.create(), await Sandbox.pool({ size: 2 })]
  const docker = withDocker ? await dockerSubject(folder) : null
  const exec = async () => {
    const program = await live.exec({ args: ['true'], env: ['PATH=/bin'] })
    expectZero('the exec', (await program.wait()).exitCode)
  }
  const run = async () => expectZero('the command', (await box.commands.run(['true'])).exitCode)
  return {
    subjects: [
      { name: 'plain container', cycles: 10, run: timed(() => microseconds(plain.cycle)) },
      { name: 'sandbox', cycles: 10, run: timed(() => microseconds(inSandbox)) },
      { name: 'container.exec', cycles: 20, run: timed(() => microseconds(exec)) },
      { name: 'commands.run', cycles: 20, run: timed(() => microseconds(run)) },
      { name: 'pool.take and run', cycles: 20, run: timed(() => fromPool(pool)) },
      { name: 'bwrap', cycles: 10, run: timed(() => microseconds(bubblewrap)) },
      ...(docker === null ? [] : [docker.subject]),
    ],
    stop: async () => {
      await docker?.stop()
      await pool.stop()
      await box.stop()
      await live.delete({ force: true })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function dockerSubject(folder) {
  const { startDocker } = await import('../../test/engines/docker.mjs')
  const { time } = await compile(folder)
  const docker = await startDocker('runc')
  const run = async cycles => {
    const script = `${time} ${cycles} docker run --rm --network none bb true`
    const { exitCode, stdout, stderr } = await docker.run(script, { timeout: 600_000 })
    if (exitCode !== 0) throw new Error(stderr)
    return stdout.trim().split('\n').map(Number)
  }
  const stop = async () => {
    await docker.stop()
    await docker.close()
  }
  return { subject: { name: 'docker run', cycles: 3, run }, stop }
}
