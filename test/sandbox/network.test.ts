/** Sandboxes that may reach some names. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, realpathSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createGateway } from '../../lib/network/index.js'
import { Sandbox } from '../../lib/sandbox/index.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'
import { serve } from '../network/world.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

t.test('a name that the policy allows is reached, and what it refuses is told', skip, async t => {
  const port = await serve(t, (socket: Socket) => void socket.pipe(socket))
  const network = { allow: [`echo.test:${port}`], hosts: { 'echo.test': '127.0.0.1' } }
  await using box = await Sandbox.create({ network })
  const ask = (host: string) => box.commands.run(`echo through | /bin/busybox nc ${host} ${port}`)
  t.match(await ask('echo.test'), { verdict: 'ok', stdout: 'through\n', denials: [] })
  t.match(await ask('other.test'), { verdict: 'denied', denials: [{ host: 'other.test', reason: 'policy' }] })
  t.match(await ask('8.8.8.8'), { verdict: 'denied', denials: [{ host: '8.8.8.8', port, reason: 'policy' }] })
  t.match(box.denials[0], { host: 'other.test', container: box.id })
  t.equal(box.network?.counts.connections, 1)
  t.same(await box.diff(), [], 'its resolv.conf is none of its changes')
})

t.test("no network is the default, and that of the host is the host's", skip, async t => {
  const port = await serve(t, (socket: Socket) => void socket.end('outside\n'))
  const reach = `/bin/busybox nc 127.0.0.1 ${port}; /bin/busybox ip -o link | /bin/busybox wc -l`
  for (const options of [{}, { network: 'none' }] as const) {
    await using box = await Sandbox.create(options)
    const { stdout, denials } = await box.commands.run(reach)
    t.same({ stdout, denials }, { stdout: '1\n', denials: [] }, JSON.stringify(options))
  }
  await using box = await Sandbox.create({ network: 'host' })
  t.match((await box.commands.run(reach)).stdout, /^outside\n/)
})

t.test(
  'abstract sockets of the host are out of reach, also with its network',
  {
    skip: missing('root', 'libseccomp', 'cc', 'landlock'),
  },
  async t => {
    const programs = realpathSync(t.testdir())
    chmodSync(programs, 0o755)
    const program = join(programs, 'restricted')
    compileProgram(readFileSync('test/integration/restricted.c', 'utf8'), program)
    const name = `tsrun-test-${process.pid}`
    const host = spawn(program, ['listen', name])
    t.teardown(() => host.kill('SIGKILL'))
    await once(host.stdout, 'data')
    const sandbox = { network: 'host', mounts: [{ source: programs, target: '/programs' }] } as const
    const reach = ['/programs/restricted', 'abstract', name]
    await using box = await Sandbox.create(sandbox)
    t.same(box.isolation, { level: 'full', missing: [] })
    t.equal((await box.commands.run(reach)).stdout, `abstract ${name}: EPERM\n`)
    const own =
      'mkfifo /tmp/f; /programs/restricted listen own > /tmp/f & read _ < /tmp/f; /programs/restricted abstract own; kill $!'
    t.equal((await box.commands.run(own)).stdout, 'abstract own: done\n', 'its own are not')
    await using open = await Sandbox.create({ ...sandbox, profile: { noNewPrivileges: false } })
    t.match(open.isolation, { level: 'full', missing: [/abstract UNIX sockets.*noNewPrivileges/] })
    t.equal((await open.commands.run(reach)).stdout, `abstract ${name}: done\n`, 'where that can not be, it is said')
  },
)

t.test('sandboxes at one gateway reach each other by name', skip, async t => {
  await using gateway = createGateway({ allow: ['db:5432'] })
  await using db = await Sandbox.create({ network: { gateway, name: 'db' } })
  await using client = await Sandbox.create({ network: { gateway } })
  await using server = await db.commands.start([
    '/bin/busybox',
    'nc',
    '-l',
    '-p',
    '5432',
    '-e',
    '/bin/busybox',
    'echo',
    'rows',
  ])
  const loop = 'for i in $(seq 200); do /bin/busybox nc db 5432 && exit 0; sleep 0.05; done; exit 1'
  t.match(await client.commands.run(loop, { timeoutMs: 30_000 }), { verdict: 'ok', stdout: /rows/ })
  await server.kill()
})

t.test('a policy that can not be read makes nothing', skip, async t => {
  await t.rejects(Sandbox.create({ network: { allow: ['not a name'] } }), { code: 'ERR_CONFIG_INVALID' })
  await t.rejects(Sandbox.create({ network: { allows: [] } as never }), {
    code: 'ERR_CONFIG_INVALID',
    message: /allows/,
  })
})
