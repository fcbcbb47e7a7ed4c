/**
 * A tool for an agent: it runs the program that a model has written over a directory, which stays as it is, and answers with what a model can read.
 * `node examples/agent-tool.mjs DIRECTORY 'COMMAND LINE'`
 */
import { Sandbox } from 'tsrun/sandbox'

const LONGEST = 4000
const shortened = text => (text.length > LONGEST ? `${text.slice(0, LONGEST)}\n... (${text.length} characters)` : text)

export const definition = {
  name: 'run',
  description: 'Runs a command line of /bin/sh over a copy of the project, without a network. Says what was written.',
  input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
}

/** One session: what a call has written is there for the next. */
export async function openTool(directory, { network = 'none' } = {}) {
  const box = await Sandbox.create({
    mounts: [{ source: directory, target: '/work', mode: 'overlay' }],
    network,
    limits: { pids: 64, disk: '64M' },
    timeoutMs: 10 * 60_000,
  })
  const call = async ({ command }) => {
    const { verdict, exitCode, stdout, stderr, denials } = await box.commands.run(command, {
      timeoutMs: 30_000,
      outputLimit: '1M',
    })
    const changes = (await box.diff('/work')).map(({ change, path }) => `${change} ${path}`)
    const refused = denials.map(({ host, port }) => `${host}:${port ?? '*'}`)
    return { verdict, exitCode, stdout: shortened(stdout), stderr: shortened(stderr), changes, refused }
  }
  return { call, stop: () => box.stop() }
}

const [directory, command] = process.argv.slice(2)
if (command !== undefined) {
  const tool = await openTool(directory)
  console.log(JSON.stringify(await tool.call({ command }), null, 2))
  await tool.stop()
}
