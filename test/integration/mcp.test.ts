/** The Model Context Protocol, by its SDK: its client starts servers in sandboxes, and the example is a server that it understands. */
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import { Sandbox } from '../../lib/sandbox/index.js'
import { RUNNER, TSRUN } from '../command.js'
import { folder } from '../folder.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'libseccomp', 'mcp') }
const SDK = resolve('test/integration/runners/node_modules')

interface Client {
  connect(transport: unknown): Promise<void>
  listTools(): Promise<{ tools: { name: string }[] }>
  callTool(call: object): Promise<{ isError?: boolean; content: { text: string }[] }>
  close(): Promise<void>
}

const part = (path: string): Promise<Record<string, new (...args: never[]) => unknown>> =>
  import(`${SDK}/@modelcontextprotocol/sdk/dist/esm/client/${path}.js`)

async function connect(t: Test, transport: unknown): Promise<Client> {
  const { Client: Made } = (await part('index')) as unknown as { Client: new (about: object) => Client }
  const client = new Made({ name: 'test', version: '1.0.0' })
  t.teardown(() => client.close())
  await client.connect(transport)
  return client
}

/** The transport of the SDK, which starts a program. */
async function programTransport(command: string, args: readonly string[]): Promise<unknown> {
  const { StdioClientTransport } = (await part('stdio')) as unknown as {
    StdioClientTransport: new (options: object) => unknown
  }
  return new StdioClientTransport({ command, args, stderr: 'ignore' })
}

/** A server of the SDK, which says what it can see and whom it can reach. */
const SERVER = `
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { readdirSync } from 'node:fs'
import { lookup } from 'node:dns/promises'
const server = new McpServer({ name: 'sees', version: '1.0.0' })
server.registerTool('look', { description: 'what it sees' }, async () => {
  const found = await lookup('example.org').then(() => 'a network', error => error.code)
  return { content: [{ type: 'text', text: JSON.stringify([readdirSync('/work'), process.getuid(), found]) }] }
})
await server.connect(new StdioServerTransport())
`
const MOUNTS = (place: string): readonly (readonly [source: string, target: string])[] => [
  [place, '/srv'],
  [SDK, '/node_modules'],
  [process.execPath, '/node'],
]

async function look(t: Test, client: Client): Promise<void> {
  t.match(await client.listTools(), { tools: [{ name: 'look' }] })
  const { content } = await client.callTool({ name: 'look', arguments: {} })
  t.match(JSON.parse(content[0]?.text ?? ''), [['seen'], 1000, /^E/])
}

function makeServer(t: Test) {
  const place = folder(t, { 'server.mjs': SERVER })
  const work = folder(t, { seen: '' })
  return [...MOUNTS(place), [work, '/work']] as const
}

t.test('a server in `tsrun sandbox`, which the transport of the SDK starts', skip, async t => {
  const mounts = makeServer(t).flatMap(([source, target]) => ['--mount', `${source}:${target}`])
  const words = [TSRUN, 'sandbox', ...mounts, '--', '/node', '/srv/server.mjs']
  await look(t, await connect(t, await programTransport(RUNNER, words)))
})

t.test('a server in a sandbox of this process, by the transport of the examples', skip, async t => {
  const { sandboxTransport } = (await import(resolve('examples/mcp-transport.mjs'))) as {
    sandboxTransport(box: Sandbox, command: readonly string[]): unknown
  }
  const box = await Sandbox.create({ mounts: makeServer(t).map(([source, target]) => ({ source, target })) })
  t.teardown(() => box.stop())
  await look(t, await connect(t, sandboxTransport(box, ['/node', '/srv/server.mjs'])))
})

t.test('the server of the examples', skip, async t => {
  const directory = folder(t, { 'in.txt': 'one\n' })
  const client = await connect(
    t,
    await programTransport(process.execPath, [resolve('examples/mcp-server.mjs'), directory]),
  )
  t.match(await client.listTools(), { tools: [{ name: 'run' }] })
  const answer = await client.callTool({ name: 'run', arguments: { command: 'cat in.txt; echo two > out.txt' } })
  t.match(JSON.parse(answer.content[0]?.text ?? ''), {
    verdict: 'ok',
    stdout: 'one\n',
    changes: ['added /work/out.txt'],
  })
  t.same(readdirSync(directory), ['in.txt'])
})
