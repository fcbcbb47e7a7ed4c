/** What `checkpoint` and `restore` share: the flags for CRIU, and what becomes of them. */
import { closeSync, fstatSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandCheckpointOptions } from '../../for-command.js'
import type { Flag, Flags } from '../command.js'
import type { Log } from '../log.js'

type Shared = Pick<
  CommandCheckpointOptions,
  | 'imagePath'
  | 'workPath'
  | 'tcpEstablished'
  | 'externalUnixSockets'
  | 'shellJob'
  | 'fileLocks'
  | 'autoDedup'
  | 'lazyPages'
  | 'manageCgroups'
  | 'emptyNamespaces'
>

const MODES = ['soft', 'full', 'strict', 'ignore'] as const

export const CRIU_FLAGS: readonly Flag[] = [
  {
    name: 'image-path',
    value: 'DIR',
    completes: 'directory',
    help: 'the directory of the images (default: checkpoint)',
  },
  {
    name: 'work-path',
    value: 'DIR',
    completes: 'directory',
    help: "where CRIU's log goes (default: that of the images)",
  },
  ...switches({
    'tcp-established': 'keep open connections of TCP',
    'ext-unix-sk': 'allow AF_UNIX sockets whose other end is outside of the container',
    'shell-job': "allow a session or a terminal that is the caller's",
    'lazy-pages': 'move memory when it is needed (criu lazy-pages)',
    'file-locks': 'keep the locks of files',
  }),
  {
    name: 'manage-cgroups-mode',
    value: 'MODE',
    completes: MODES,
    help: 'soft, full, strict or ignore: what becomes of the cgroups below (default: soft)',
  },
  {
    name: 'empty-ns',
    value: 'TYPE',
    isList: true,
    completes: ['network'],
    help: 'restore an empty namespace of this type: network (default: if it has devices other than lo)',
  },
  { name: 'auto-dedup', help: 'give up pages of earlier images that a later one has' },
]

/** Flags without a value, by name. */
export function switches(texts: Readonly<Record<string, string>>): Flag[] {
  return Object.entries(texts).map(([name, help]) => ({ name, help }))
}

const DEFAULT_IMAGE_PATH = 'checkpoint'

/** @throws {Error} for a value that is none */
export function criuOptions(flags: Flags): Shared {
  const workPath = flags.text('work-path') || undefined
  const mode = flags.text('manage-cgroups-mode') || undefined
  const manageCgroups = MODES.find(name => name === mode)
  if (mode !== undefined && manageCgroups === undefined) throw new Error('Invalid manage-cgroups-mode value')
  return {
    imagePath: resolve(flags.text('image-path') || DEFAULT_IMAGE_PATH),
    ...(workPath !== undefined && { workPath: resolve(workPath) }),
    tcpEstablished: flags.isOn('tcp-established'),
    externalUnixSockets: flags.isOn('ext-unix-sk'),
    shellJob: flags.isOn('shell-job'),
    lazyPages: flags.isOn('lazy-pages'),
    fileLocks: flags.isOn('file-locks'),
    autoDedup: flags.isOn('auto-dedup'),
    ...(manageCgroups !== undefined && { manageCgroups }),
    ...emptyNamespaces(flags.list('empty-ns')),
  }
}

function emptyNamespaces(types: readonly string[]): Pick<Shared, 'emptyNamespaces'> {
  const unknown = types.find(type => type !== 'network')
  if (unknown !== undefined) throw new Error(`namespace ${JSON.stringify(unknown)} is not supported`)
  return types.length === 0 ? {} : { emptyNamespaces: ['network'] }
}

/** `ADDRESS:PORT`, the address of IPv6 in brackets. @throws {Error} */
export function pageServer(text: string | undefined): Pick<CommandCheckpointOptions, 'pageServer'> {
  if (!text) return {}
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):([^:]+)$/.exec(text) ?? []
  const address = bracketed ?? plain
  if (address === undefined || port === undefined) {
    throw new Error('Use --page-server ADDRESS:PORT to specify page server')
  }
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) throw new Error('Invalid port number')
  return { pageServer: { address, port: Number(port) } }
}

/** A byte is written to it, and it is closed, when pages can be asked for. @throws {Error} for one that is not open */
export function statusFd(text: string | undefined, log: Log): Pick<CommandCheckpointOptions, 'onPagesReady'> {
  if (!text || text === '-1') return {}
  const fd = /^[0-9]{1,7}$/.test(text) ? Number(text) : -1
  try {
    fstatSync(fd)
  } catch (cause) {
    throw new Error(`invalid --status-fd argument ${text}: ${(cause as Error).message}`, { cause })
  }
  const onPagesReady = (): void => {
    try {
      writeSync(fd, '\0')
      closeSync(fd)
    } catch (error) {
      log.warning(`the descriptor ${fd} could not be told that pages are ready: ${(error as Error).message}`)
    }
  }
  return { onPagesReady }
}
