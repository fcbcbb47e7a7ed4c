/** Runs plugins of a network (Container Network Interface, sections 2 to 5). */
import { CniError } from '../errors.js'
import { run } from '../sys/run-program.js'
import { environment } from '../sys/self.js'
import { type CniConfiguration, type CniPlugin, findPlugin, hasCapability } from './cni-configuration.js'

/** What is told to every plugin, at ADD and at DEL. */
export interface CniCall {
  readonly configuration: CniConfiguration
  /** CNI_CONTAINERID */
  readonly id: string
  /** CNI_IFNAME */
  readonly ifName: string
  /** By the name of a capability, for plugins that have that. */
  readonly capabilities: Readonly<Record<string, unknown>>
}

type Json = Readonly<Record<string, unknown>>

interface Request {
  readonly command: 'ADD' | 'DEL'
  readonly plugin: CniPlugin
  /** "": it is gone. */
  readonly netns: string
  readonly prevResult: Json | null
  readonly signal?: AbortSignal | undefined
}

const TIMEOUT_MS = 60_000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The result of the last plugin. @throws {CniError}; the reason of `signal`. What the plugins before had made is still there then */
export async function addByPlugins(call: CniCall, netns: string, signal: AbortSignal | undefined): Promise<Json> {
  let result: Json | null = null
  for (const plugin of call.configuration.plugins) {
    signal?.throwIfAborted()
    const stdout = await runPlugin(call, { command: 'ADD', plugin, netns, prevResult: result, signal })
    result = documentIn(stdout)
    if (result === null) throw failure(call, { command: 'ADD', plugin }, { message: `no result, but ${quote(stdout)}` })
  }
  return result ?? {}
}

/** Of all plugins, the last one first; also if one fails. @throws {CniError} the first of them */
export async function deleteByPlugins(call: CniCall, netns: string, prevResult: Json | null): Promise<void> {
  const failures: unknown[] = []
  for (const plugin of [...call.configuration.plugins].reverse())
    await runPlugin(call, { command: 'DEL', plugin, netns, prevResult }).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

async function runPlugin(call: CniCall, request: Request): Promise<string> {
  const { configuration, id, ifName } = call
  const { command, plugin, netns, signal } = request
  const path = findPlugin(plugin.type, configuration.pluginDirectories)
  const told = { CNI_COMMAND: command, CNI_CONTAINERID: id, CNI_NETNS: netns, CNI_IFNAME: ifName }
  const variables = { ...told, CNI_PATH: configuration.pluginDirectories.join(':'), PATH: environment().PATH ?? PATH }
  const ended = await run({
    ...{ path, args: [path], cwd: '/', timeoutMs: TIMEOUT_MS, signal, keepsOutput: true },
    env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    stdin: JSON.stringify(networkOf(call, request)),
  })
  if (ended.exitCode === 0) return ended.stdout
  signal?.throwIfAborted()
  if (ended.timedOut) throw failure(call, request, { message: `it has not ended in ${TIMEOUT_MS / 1000} s` })
  throw failure(call, request, said(ended))
}

function networkOf({ configuration, capabilities }: CniCall, { plugin, prevResult }: Request): Json {
  const { name, cniVersion } = configuration
  const { capabilities: _told, ...own } = plugin
  const wanted = Object.entries(capabilities).filter(([capability]) => hasCapability(plugin, capability))
  return {
    ...{ ...own, name, cniVersion },
    ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted) }),
    ...(prevResult !== null && { prevResult }),
  }
}

interface Said {
  readonly message: string
  readonly number?: number
  readonly details?: string
}

/** Its error is a document on standard output; a plugin that was killed, or that is none, says something on standard error at most. */
function said(ended: { exitCode: number | null; signal: string | null; stdout: string; stderr: string }): Said {
  const { code, msg, details } = documentIn(ended.stdout) ?? {}
  const end = ended.signal ?? `status ${ended.exitCode}`
  return {
    message: typeof msg === 'string' && msg !== '' ? msg : ended.stderr.trim() || `it ended with ${end}`,
    ...(typeof code === 'number' && { number: code }),
    details: typeof details === 'string' ? details : '',
  }
}

function failure(call: CniCall, request: Pick<Request, 'command' | 'plugin'>, said: Said): CniError {
  const { command, plugin } = request
  const { message, number = null, details = '' } = said
  return new CniError(message, { network: call.configuration.name, plugin: plugin.type, command, number, details })
}

function documentIn(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Json) : null
  } catch {
    // It is not what plugins write.
    return null
  }
}

const quote = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text)
