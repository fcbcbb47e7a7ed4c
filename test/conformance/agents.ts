/** Agents for SCMP_ACT_NOTIFY (seccomp-agent.c), each a process of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { TestConfig } from '../bundle.js'

/** Compiled once, at the first use. */
let program: string | null = null
t.teardown(() => program !== null && rmSync(join(program, '..'), { recursive: true }))

function agentProgram(): string {
  if (program !== null) return program
  const output = join(mkdtempSync(join(tmpdir(), 'tsrun-agent-')), 'agent')
  const source = fileURLToPath(new URL('./seccomp-agent.c', import.meta.url))
  execFileSync(process.env.CC ?? 'cc', ['-O1', '-D_GNU_SOURCE', '-o', output, source])
  program = output
  return output
}

/** A directory whose name leaves room in the 108 bytes of a socket's path; removed at the end of the test. */
export function shortDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-agent-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

export interface Agent {
  readonly path: string
  /** The message that it was sent. */
  message(): Promise<Record<string, unknown>>
  /** Resolves when it is gone. */
  kill(): Promise<void>
}

/** `whole`: reads to the end of the connection, in place of one message. `silent`: tells of a mkdir, and never answers. */
interface AgentOptions {
  readonly manner?: 'whole' | 'silent'
  /** Where it listens, in place of whatever is there. Default: in a directory of its own. */
  readonly path?: string
}

/** An agent that listens; killed at the end of the test. */
export async function startAgent(
  t: Test,
  { manner, path = join(shortDirectory(t), 'agent.sock') }: AgentOptions = {},
): Promise<Agent> {
  rmSync(path, { force: true })
  const agent: ChildProcess = spawn(agentProgram(), manner === undefined ? [path] : [path, manner], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise(resolve => agent.once('exit', resolve))
  const kill = async (): Promise<void> => {
    agent.kill('SIGKILL')
    await gone
  }
  t.teardown(kill)
  if (agent.stdout === null) throw new Error('no pipe')
  const lines = createInterface({ input: agent.stdout })[Symbol.asyncIterator]()
  await lines.next()
  return { path, kill, message: async () => JSON.parse((await lines.next()).value) }
}

export type Seccomp = NonNullable<TestConfig['linux']['seccomp']>

export const notify = (path: string, names: string[] = ['mkdir', 'mkdirat'], more: Partial<Seccomp> = {}): Seccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  listenerPath: path,
  syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
  ...more,
})
