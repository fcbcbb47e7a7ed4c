/**
 * The gateway beside plain loopback, slirp4netns and pasta: the same client and server, in turn, in one run. As root:
 * `node benchmarks/network/main.mjs [ROUNDS] [MIB]`; it needs `npm run build`, a C compiler, busybox, slirp4netns and pasta (the latter two are left out
 * if they are missing or do not start).
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRuntime, exampleConfig } from '../../dist/index.js'
import { createGateway } from '../../dist/network/index.js'

const [rounds = 5, mebibytes = 256] = process.argv.slice(2).map(Number)
const PORT = '18123'
const CONNECTIONS = 100
const here = dirname(fileURLToPath(import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tsrun-network-'))
const client = join(folder, 'traffic')
execFileSync(process.env.CC || 'cc', ['-O2', '-static', '-pthread', '-o', client, join(here, 'traffic.c')])

const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
const tasks = host => ({
  connect: ['connect', host, PORT, String(CONNECTIONS)],
  send: ['send', host, PORT, String(mebibytes)],
})

const LIMIT_MS = 20_000

/** The median of the figures that it prints, or null. */
async function run(file, args) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  // pasta leaves others behind that hold the pipe.
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), LIMIT_MS)
  const chunks = []
  child.stdout.on('data', chunk => chunks.push(chunk))
  const [status] = await once(child, 'close')
  clearTimeout(timer)
  const numbers = String(Buffer.concat(chunks)).trim().split('\n').filter(Boolean).map(Number)
  return status === 0 && numbers.length > 0 ? median(numbers) : null
}

async function openGateway() {
  const rootfs = join(folder, 'rootfs')
  for (const name of ['bin', 'etc', 'proc', 'dev', 'sys', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true })
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  copyFileSync(client, join(rootfs, 'bin/traffic'))
  for (const name of ['sh', 'sleep', 'nslookup']) symlinkSync('busybox', join(rootfs, 'bin', name))
  const gateway = createGateway({ allow: [`server.test:${PORT}`], hosts: { 'server.test': '127.0.0.1' } })
  const config = exampleConfig({ args: ['/bin/sleep', '1000'], terminal: false, seccomp: false })
  const runtime = createRuntime({ root: join(folder, 'state'), log: () => {} })
  const container = await runtime.create({ id: `benchmark-${process.pid}`, config, rootfs, network: gateway.network })
  await gateway.attach(container)
  await container.start()
  await container.run({ args: ['/bin/nslookup', 'server.test'] })
  const measure = async args => {
    const { exitCode, stdout } = await container.run({ args: ['/bin/traffic', ...args], timeout: LIMIT_MS })
    return exitCode === 0 ? median(stdout.trim().split('\n').map(Number)) : null
  }
  const close = async () => {
    await container.delete({ force: true })
    gateway.close()
  }
  return { host: '198.18.0.2', measure, close }
}

/** In a namespace of its own, whose network is that of another program. */
async function openSlirp() {
  const holder = spawn('unshare', ['-n', 'sleep', '1000'], { stdio: 'ignore' })
  await until(
    () =>
      spawnSync('readlink', [`/proc/${holder.pid}/ns/net`]).stdout.toString() !==
      spawnSync('readlink', ['/proc/self/ns/net']).stdout.toString(),
  )
  const slirp = spawn('slirp4netns', ['--configure', '--mtu=65520', String(holder.pid), 'tap0'], { stdio: 'ignore' })
  slirp.on('error', () => {})
  const inside = args => run('nsenter', ['-n', '-t', String(holder.pid), client, ...args])
  await until(
    () => spawnSync('nsenter', ['-n', '-t', String(holder.pid), 'ip', 'route', 'get', '10.0.2.2']).status === 0,
  )
  const close = async () => {
    slirp.kill()
    holder.kill()
  }
  return { host: '10.0.2.2', measure: inside, close }
}

/** Its way to the loopback of the host, which splices. */
async function openPasta() {
  const measure = args => run('pasta', ['--config-net', '--quiet', '-T', PORT, '--', client, ...args])
  return { host: '127.0.0.1', measure, close: async () => {} }
}

async function until(isSo) {
  for (let round = 0; round < 200; round++) {
    if (isSo()) return
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  throw new Error('it does not start')
}

const subjects = {
  loopback: async () => ({ host: '127.0.0.1', measure: args => run(client, args), close: async () => {} }),
  gateway: openGateway,
  slirp4netns: openSlirp,
  pasta: openPasta,
}

const server = spawn(client, ['serve', PORT], { stdio: ['ignore', 'pipe', 'inherit'] })
await once(server.stdout, 'data')
const open = {}
for (const [name, start] of Object.entries(subjects)) {
  try {
    open[name] = { ...(await start()), connect: [], send: [] }
  } catch (error) {
    console.log(`${name}: left out, ${error.message}`)
  }
}
try {
  for (let round = 0; round < rounds; round++) {
    for (const subject of Object.values(open)) {
      // It does not work here, and takes its time to say so.
      if (subject.connect.includes(null)) continue
      for (const [task, args] of Object.entries(tasks(subject.host))) {
        const figure = await subject.measure(args)
        subject[task].push(figure)
        if (process.env.DEBUG) console.error(subject.host, task, figure)
      }
    }
  }
} finally {
  for (const { close } of Object.values(open)) await close()
  server.kill()
  rmSync(folder, { recursive: true, force: true })
}
console.log(
  `medians of ${rounds} rounds, ${CONNECTIONS} connections and ${mebibytes} MiB each; load ${loadavg()[0].toFixed(1)}`,
)
for (const [name, { connect, send }] of Object.entries(open)) {
  const [time, speed] = [connect, send].map(numbers => (numbers.includes(null) ? 'failed' : median(numbers).toFixed(0)))
  console.log(`${name.padEnd(12)} ${time.padStart(8)} us a connection ${speed.padStart(8)} MiB/s`)
}

const of = (name, task) => {
  const figures = open[name]?.[task] ?? [null]
  return figures.includes(null) ? null : median(figures)
}
const [connected, plain] = [of('gateway', 'connect'), of('loopback', 'connect')]
const [speed, slirpSpeed] = [of('gateway', 'send'), of('slirp4netns', 'send')]
const failures = [
  (connected ?? Infinity) > 3 * (plain ?? 0) && 'a connection takes more than three times that of loopback',
  slirpSpeed !== null && (speed ?? 0) < slirpSpeed && 'a stream is slower than that of slirp4netns',
].filter(Boolean)
for (const failure of failures) console.error(`over budget: ${failure}`)
process.exitCode = failures.length > 0 ? 1 : 0
