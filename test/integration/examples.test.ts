/** The programs of examples/, as people start them. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { Sandbox } from '../../lib/sandbox/index.js'
import { folder } from '../folder.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

function example(name: string, args: readonly string[], cwd = process.cwd()) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('examples', name), ...args], {
    encoding: 'utf8',
    cwd,
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

t.test('a tool for an agent', skip, async t => {
  const directory = folder(t, { 'in.txt': 'one\ntwo\n' })
  const { status, stdout, stderr } = example('agent-tool.mjs', [
    directory,
    'sort -r in.txt > out.txt; cat out.txt; rm in.txt',
  ])
  t.equal(status, 0, stderr)
  t.match(JSON.parse(stdout), {
    verdict: 'ok',
    stdout: 'two\none\n',
    changes: ['deleted /work/in.txt', 'added /work/out.txt'],
    refused: [],
  })
  t.same(readdirSync(directory), ['in.txt'])
})

t.test('a server of the Model Context Protocol', skip, async t => {
  const directory = folder(t, { 'in.txt': 'one\n' })
  const call = (id: number, command: unknown, name = 'run') =>
    JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: { command } } })
  const input = [
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}',
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","id":2,"method":"tools/list"}',
    ...[
      call(3, 'cat in.txt; echo two > out.txt'),
      call(4, 'cat out.txt; exit 3'),
      call(5, 5),
      call(6, 'true', 'nosuch'),
    ],
    '{"jsonrpc":"2.0","id":7,"method":"toString"}',
    'no JSON',
  ]
  const args = [resolve('examples/mcp-server.mjs'), directory]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    input: input.join('\n'),
    timeout: 60_000,
  })
  t.equal(status, 0, stderr)
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(answers, [
    { id: 1, result: { protocolVersion: '2025-03-26', capabilities: { tools: {} } } },
    { id: 2, result: { tools: [{ name: 'run', inputSchema: { required: ['command'] } }] } },
    { id: 3, result: { isError: false, content: [{ type: 'text', text: /"stdout": "one.n"/ }] } },
    { id: 4, result: { isError: true, content: [{ type: 'text', text: /"stdout": "two.n"/ }] } },
    { id: 5, error: { code: -32602, message: /command/ } },
    { id: 6, error: { code: -32602, message: /nosuch/ } },
    { id: 7, error: { code: -32601 } },
    { id: null, error: { code: -32700 } },
  ])
  t.equal(answers.length, 8)
  t.same(readdirSync(directory), ['in.txt'])
})

/** Answers each message with its id, in two pieces, and what it can see of the host. */
const SERVER = `while read -r line; do
  printf '{"jsonrpc":"2.0","id":%s,' "$(echo "$line" | sed 's/.*"id":\\([0-9]*\\).*/\\1/')"
  printf '"result":{"sees":"%s"}}\\n' "$(ls /work)"
done`

interface Transport {
  onmessage?: (message: unknown) => void
  onerror?: (error: Error) => void
  onclose?: () => void
  start(): Promise<void>
  send(message: unknown): Promise<void>
  close(): Promise<void>
}

t.test('an MCP server in a sandbox', skip, async t => {
  const { sandboxTransport } = (await import(resolve('examples/mcp-transport.mjs'))) as {
    sandboxTransport(box: Sandbox, command: readonly string[]): Transport
  }
  const source = folder(t, { seen: '' })
  const box = await Sandbox.create({ mounts: [{ source, target: '/work' }] })
  t.teardown(() => box.stop())
  const transport = sandboxTransport(box, ['sh', '-c', SERVER])
  const told: unknown[] = []
  transport.onmessage = message => told.push(message)
  transport.onerror = error => told.push(error)
  const closed = new Promise<void>(done => {
    transport.onclose = done
  })
  await transport.start()
  for (const id of [1, 2]) await transport.send({ jsonrpc: '2.0', id, method: 'ping' })
  await until(() => told.length === 2)
  t.same(
    told,
    [1, 2].map(id => ({ jsonrpc: '2.0', id, result: { sees: 'seen' } })),
  )
  await transport.close()
  await closed
  await t.rejects(sandboxTransport(box, ['/no/such']).start(), { code: 'ENOENT' })
})

t.test('a judge', skip, async t => {
  const cases = {
    '1.in': '2 3',
    '1.out': '5\n',
    '2.in': '1 1',
    '2.out': '3',
    '3.in': 'loop',
    '3.out': '',
    '4.in': 'die',
    '4.out': '',
  }
  const solution =
    'read a b; case $a in loop) i=0; while [ $i -lt 99999999 ]; do i=$((i + 1)); done;; die) exit 1;; esac; echo $((a + b))'
  const { status, stdout, stderr } = example('judge.mjs', [folder(t, { ...cases, 'add.sh': solution }), 'sh', 'add.sh'])
  t.equal(status, 0, stderr)
  t.match(stdout, /^1\.in accepted \d+ ms\n2\.in wrong \d+ ms\n3\.in time \d+ ms\n4\.in failed \d+ ms\n$/)
})

t.test('a job', skip, async t => {
  const job = { steps: ['mkdir out', 'tr a-z A-Z < source > out/app', 'cat out/app'], artifacts: ['out/app'] }
  const checkout = folder(t, { source: 'built\n' })
  const place = folder(t, {
    'job.json': JSON.stringify(job),
    'bad.json': JSON.stringify({ steps: ['false', 'echo never'] }),
  })
  const { status, stdout, stderr } = example('ci-job.mjs', [checkout, join(place, 'job.json')], place)
  t.equal(status, 0, stderr)
  t.match(stdout, /BUILT\n\nok\n$/)
  t.equal(readFileSync(join(place, 'artifacts/out/app'), 'utf8'), 'BUILT\n')
  t.notOk(existsSync(join(checkout, 'out')))
  t.match(example('ci-job.mjs', [checkout, join(place, 'bad.json')], place), { status: 1, stdout: '$ false\nexit\n' })
})

/** What a server answers. */
async function ask(port: number, request: Buffer): Promise<string> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.write(request)
  for await (const chunk of socket) {
    socket.destroy()
    return (chunk as Buffer).toString('latin1')
  }
  return ''
}

interface Services {
  startPostgres(): Promise<{ port: number; stop(): Promise<void> }>
  startRedis(): Promise<{ port: number; stop(): Promise<void> }>
}

t.test('PostgreSQL and Redis', { skip: missing('root', 'libseccomp', 'postgres', 'redis') }, async t => {
  const services = (await import(resolve('examples/services.mjs'))) as Services
  const [postgres, redis] = await Promise.all([services.startPostgres(), services.startRedis()])
  t.teardown(() => Promise.all([postgres.stop(), redis.stop()]))
  t.equal(await ask(redis.port, Buffer.from('PING\r\n')), '+PONG\r\n')
  const query = ['-h', '127.0.0.1', '-p', String(postgres.port), '-U', 'test', '-d', 'postgres', '-Atc', 'select 6 * 7']
  // Not spawnSync: the gateway of the published port is this process.
  t.equal((await promisify(execFile)('psql', query, { timeout: 30_000 })).stdout, '42\n')
  await Promise.all([postgres.stop(), redis.stop()])
  await t.rejects(ask(redis.port, Buffer.from('PING\r\n')), { code: 'ECONNREFUSED' })
})
