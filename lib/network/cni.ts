/** Networks of the host that plugins make (CNI): interfaces of a container, with addresses that others can route to. */
import { optionError } from '../config/option.js'
import { checkShapes, hasFunction, isText, type OptionShapes, SIGNAL } from '../config/option-shapes.js'
import { CniError, HostError, StateError } from '../errors.js'
import type { Container } from '../index.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { openRead, replaceFile } from '../sys/file.js'
import { parseIp } from '../sys/ip-address.js'
import { readOwnFile, removeIfThere } from '../sys/own-file.js'
import { effectiveUid, ownPid } from '../sys/self.js'
import { type CniConfiguration, type CniOptions, hasCapability, readCniConfiguration } from './cni-configuration.js'
import { addByPlugins, type CniCall, deleteByPlugins } from './cni-plugin.js'
import { type CniResult, readCniResult } from './cni-result.js'

export interface CniPort {
  /** Of the container. */
  readonly port: number
  readonly hostPort: number
  /** Of the host. Default `127.0.0.1`: nobody else's machine. */
  readonly hostAddress?: string
  /** Default `tcp`. */
  readonly protocol?: 'tcp' | 'udp'
}

export interface CniAttachOptions {
  /** A file that is written before anything is made, and removed once all of it is gone: `removeCni` goes by it. Its directory is this user's alone. */
  readonly record: string
  /** In the container. Default `eth0`. */
  readonly ifName?: string
  /** For a plugin with the capability `portMappings`. Default none. */
  readonly publish?: readonly CniPort[]
  readonly signal?: AbortSignal
}

const ATTACH_OPTIONS: OptionShapes<CniAttachOptions> = {
  ...{ record: [isText, 'the path of a file'], ifName: [isText, 'the name of an interface'], publish: null },
  signal: SIGNAL,
}
const PORT: OptionShapes<CniPort> = { port: null, hostPort: null, hostAddress: null, protocol: null }

type Attachable = Pick<Container, 'id' | 'pid' | 'state'>

interface Recorded extends CniCall {
  /** null: it is not known how far the plugins have come. */
  readonly result: Readonly<Record<string, unknown>> | null
}

const RECORD_LIMIT = 4 * 1024 * 1024

/** A network that has been read, and whose plugins are there. */
export class CniNetwork {
  readonly name: string
  readonly #configuration: CniConfiguration

  /** @internal */
  constructor(configuration: CniConfiguration) {
    this.name = configuration.name
    this.#configuration = configuration
  }

  /**
   * Gives a container with a network namespace of its own an interface of this network, before it is started. It is to be removed before the container
   * is deleted. After a failure nothing is left, or else the record is.
   * @throws {CniError} with what the plugin said; {ConfigError} naming the option; {StateError} for a container that has ended; the reason of
   * `signal`. If what there is by then can't be removed, that is the CniError (`command` is `DEL`), with the reason as its cause
   */
  async attach(container: Attachable, options: CniAttachOptions): Promise<CniAttachment> {
    if (!hasFunction(container, 'state'))
      throw optionError({ option: 'container', expected: 'a container, as create() returns it', received: container })
    checkShapes('', options, ATTACH_OPTIONS)
    const { record, ifName = 'eth0', publish = [], signal } = options
    const call = {
      configuration: this.#configuration,
      id: container.id,
      ifName,
      capabilities: this.capabilitiesOf(publish),
    }
    const namespace = await openNamespace(container)
    const attachment = { ...{ call, record, namespace }, netns: `/proc/${ownPid()}/fd/${namespace}` }
    try {
      writeRecord(record, { ...call, result: null })
      const result = await addByPlugins(call, attachment.netns, signal)
      writeRecord(record, { ...call, result })
      return new CniAttachment(attachment, readCniResult(result))
    } catch (error) {
      throw await afterRemoval(attachment, error)
    }
  }

  /** @internal @throws {ConfigError} for ports that are none, or that no plugin here maps */
  capabilitiesOf(publish: readonly CniPort[]): Readonly<Record<string, unknown>> {
    if (!Array.isArray(publish)) throw optionError({ option: 'publish', expected: 'an array', received: publish })
    if (publish.length === 0) return {}
    const expected = `empty: no plugin of the network ${this.name} has the capability portMappings`
    if (!this.#configuration.plugins.some(plugin => hasCapability(plugin, 'portMappings')))
      throw optionError({ option: 'publish', expected, received: publish })
    return { portMappings: publish.map(mappingOf) }
  }
}

interface Attached {
  readonly call: CniCall
  readonly record: string
  /** A descriptor: the namespace is there for as long as this is open, whatever becomes of the process that has it. */
  readonly namespace: number
  readonly netns: string
}

/** A container in a network of plugins. */
export class CniAttachment implements AsyncDisposable {
  readonly result: CniResult
  readonly #attached: Attached
  #removed: Promise<void> | null = null

  /** @internal */
  constructor(attached: Attached, result: CniResult) {
    this.#attached = attached
    this.result = result
  }

  /** Has the plugins remove what they have made; fine if that has been done. @throws {CniError}; the record stays, for `removeCni` */
  async remove(): Promise<void> {
    this.#removed ??= removeAttached(this.#attached, this.result.document)
    await this.#removed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove()
  }
}

/**
 * Reads the configuration of a network, and looks whether its plugins are there.
 * @throws {ConfigError} naming the option; {HostError} ERR_HOST_INSTALL for a plugin that is missing, ERR_HOST_PRIVILEGE without root
 */
export function openCni(options: CniOptions): CniNetwork {
  const uid = effectiveUid()
  if (uid === 0) return new CniNetwork(readCniConfiguration(options))
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'root, for the plugins of a network',
    found: `user ${uid}`,
    remedy: 'use a gateway, which needs no privilege',
  })
}

/**
 * Removes what a process has made by plugins that could not do so itself: it was killed. Its container is to be gone. Fine if there is no such record.
 * @throws {CniError}, and the record stays; {StateError} ERR_STATE_CORRUPT for a file that is no record
 */
export async function removeCni(record: string): Promise<void> {
  if (!isText(record)) throw optionError({ option: 'record', expected: 'the path of a file', received: record })
  const recorded = readRecord(record)
  if (recorded === null) return
  const { result, ...call } = recorded
  await deleteByPlugins(call, '', result)
  removeIfThere(record)
}

/** By the pid, which is the container's own if it still lives afterwards. */
async function openNamespace(container: Attachable): Promise<number> {
  const ended = (): StateError =>
    new StateError('ERR_STATE_STATUS', 'the container has ended', { id: container.id, expected: 'created' })
  const fd = openRead(`/proc/${container.pid}/ns/net`)
  const isAlive = await container.state().then(
    ({ status }) => status !== 'stopped',
    () => false,
  )
  if (isAlive) return fd
  closeFd(fd)
  throw ended()
}

async function removeAttached({ call, record, namespace, netns }: Attached, result: Recorded['result']): Promise<void> {
  try {
    await deleteByPlugins(call, netns, result)
    removeIfThere(record)
  } finally {
    closeFd(namespace)
  }
}

/** What is to be told: if something could not be removed, that too. One of them is the cause of the other. */
async function afterRemoval(attached: Attached, error: unknown): Promise<unknown> {
  try {
    await removeAttached(attached, null)
    return error
  } catch (left) {
    return error instanceof CniError ? withCause(error, left) : withCause(left, error)
  }
}

function withCause(error: unknown, cause: unknown): unknown {
  if (error instanceof Error) error.cause ??= cause
  return error
}

const writeRecord = (record: string, recorded: Recorded): void => replaceFile(record, JSON.stringify(recorded))

function readRecord(record: string): Recorded | null {
  try {
    const content = readOwnFile(record, RECORD_LIMIT)
    if (typeof content === 'string') throw new SyntaxError(content)
    return JSON.parse(content.toString('utf8')) as Recorded
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null
    if (!(cause instanceof SyntaxError)) throw cause
    throw new StateError(
      'ERR_STATE_CORRUPT',
      `${record} is no record of a network: ${cause.message}`,
      { id: record },
      { cause },
    )
  }
}

function mappingOf(mapped: CniPort, index: number): object {
  checkShapes(`publish[${index}].`, mapped, PORT)
  const { port, hostPort, hostAddress = '127.0.0.1', protocol = 'tcp' } = mapped
  const check = (name: string, isRight: boolean, expected: string, received: unknown): void => {
    if (!isRight) throw optionError({ option: `publish[${index}].${name}`, expected, received })
  }
  const isPort = (value: unknown): boolean => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536
  check('port', isPort(port), 'a number from 1 to 65535', port)
  check('hostPort', isPort(hostPort), 'a number from 1 to 65535', hostPort)
  check('hostAddress', isText(hostAddress) && parseIp(hostAddress) !== null, 'an address', hostAddress)
  check('protocol', protocol === 'tcp' || protocol === 'udp', '"tcp" or "udp"', protocol)
  return { hostPort, containerPort: port, protocol, hostIP: hostAddress }
}
