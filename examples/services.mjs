/**
 * Services for integration tests: PostgreSQL and Redis of this machine, each in a sandbox, ready when this resolves, at ports of 127.0.0.1 that the
 * kernel has chosen. Nothing of them is left afterwards. `node examples/services.mjs`
 */
import { existsSync, readdirSync } from 'node:fs'
import { Sandbox } from 'tsrun/sandbox'

const LIB = '/usr/lib/postgresql'
const LIMITS = { memory: '512M', disk: '256M' }

function postgresPrograms() {
  const [version] = existsSync(LIB) ? readdirSync(LIB).sort().reverse() : []
  if (version === undefined) throw new Error(`there is no PostgreSQL in ${LIB}`)
  return `${LIB}/${version}/bin`
}

const publishing = port => ({ network: { allow: [], publish: [{ port }] }, limits: LIMITS, cwd: '/home/sandbox' })
const portOf = box => box.network.published[0].hostPort

/** `begin` resolves to a command that is ready. */
async function startService(port, begin) {
  const box = await Sandbox.create(publishing(port))
  try {
    const server = await begin(box)
    // What nobody reads would fill its pipe.
    server.stdout?.resume()
    server.stderr?.resume()
    return { port: portOf(box), box, stop: () => box.stop() }
  } catch (error) {
    await box.stop()
    throw error
  }
}

export function startPostgres() {
  const bin = postgresPrograms()
  return startService(5432, async box => {
    const made = await box.commands.run([`${bin}/initdb`, '-D', 'data', '-U', 'test', '-A', 'trust', '-N'])
    if (made.verdict !== 'ok') throw new Error(made.stderr)
    const words = ['-D', 'data', '-k', '/tmp', '-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1']
    return box.commands.start([`${bin}/postgres`, ...words], { ready: { output: 'ready to accept connections' } })
  })
}

export function startRedis() {
  const words = ['redis-server', '--save', '', '--bind', '127.0.0.1']
  return startService(6379, box => box.commands.start(words, { ready: { port: 6379 } }))
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  console.log(`postgres://test@127.0.0.1:${postgres.port}/postgres\nredis://127.0.0.1:${redis.port}`)
  process.once('SIGINT', () => void Promise.all([postgres.stop(), redis.stop()]))
}
