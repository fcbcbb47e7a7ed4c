/**
 * A server of the Model Context Protocol, over standard input and output: its one tool runs a command line over a directory, in a sandbox that lasts as long
 * as the session. An agent's configuration: `{ "command": "node", "args": ["examples/mcp-server.mjs", "DIRECTORY"] }`
 */
import { createInterface } from 'node:readline'
import { definition, openTool } from './agent-tool.mjs'

const { input_schema: inputSchema, ...named } = definition
/** Those whose messages are as they are here. */
const VERSIONS = ['2025-06-18', '2025-03-26', '2024-11-05']

const refusal = (code, message) => Object.assign(new Error(message), { code })

const METHODS = {
  initialize: async (_tool, { protocolVersion }) => ({
    protocolVersion: VERSIONS.includes(protocolVersion) ? protocolVersion : VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: { name: 'tsrun-sandbox', version: '1.0.0' },
  }),
  ping: async () => ({}),
  'tools/list': async () => ({ tools: [{ ...named, inputSchema }] }),
  'tools/call': async (tool, { name, arguments: given }) => {
    if (name !== named.name) throw refusal(-32602, `there is no tool ${name}`)
    if (typeof given?.command !== 'string') throw refusal(-32602, 'command: must be a string')
    try {
      const result = await tool.call(given)
      return { content: [{ type: 'text', text: JSON.stringify(result, null, 2) }], isError: result.verdict !== 'ok' }
    } catch (error) {
      // A sandbox that has come to its time-out, say: that is for the model to read.
      return { content: [{ type: 'text', text: error.message }], isError: true }
    }
  },
}

async function answer(tool, line) {
  let id = null
  try {
    const message = JSON.parse(line)
    // A notification, or an answer, gets none.
    if (message.id === undefined || message.method === undefined) return null
    id = message.id
    const act = Object.hasOwn(METHODS, message.method) ? METHODS[message.method] : null
    if (act === null) throw refusal(-32601, `there is no method ${message.method}`)
    return { jsonrpc: '2.0', id, result: await act(tool, message.params ?? {}) }
  } catch (error) {
    const code = error instanceof SyntaxError ? -32700 : (error.code ?? -32603)
    return { jsonrpc: '2.0', id, error: { code, message: error.message } }
  }
}

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('usage: node mcp-server.mjs DIRECTORY')
const tool = await openTool(directory)
try {
  // One after the other: what a call has written is there for the next.
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(tool, line)
    if (reply !== null) process.stdout.write(`${JSON.stringify(reply)}\n`)
  }
} finally {
  await tool.stop()
}
