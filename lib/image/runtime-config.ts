/** The configuration of an image becomes that of a container (image-spec, conversion.md). */
import { isUnsafeAnnotation } from '../config/annotations.js'
import { ImageError } from '../errors.js'
import {
  type ExampleOptions,
  exampleConfig,
  type OciCapabilities,
  type OciConfig,
  type OciMount,
  type OciUser,
} from '../index.js'
import type { OwnerMappings } from '../layer/layer-owners.js'
import { effectiveGid, effectiveUid } from '../sys/self.js'
import type { ImageConfig } from './documents.js'
import { userOf } from './image-user.js'
import { containerMappings, storeOwners } from './store-owners.js'

export interface RuntimeConfigOptions {
  /** In place of the image's Cmd: arguments of its Entrypoint, or the whole command if it has none. */
  readonly args?: readonly string[]
  /** In place of the image's Entrypoint; its Cmd does not count then. */
  readonly entrypoint?: readonly string[]
  /** As an image has it: `name`, `uid`, `name:group` and so on. Default: the image's. */
  readonly user?: string
  /** Default false. */
  readonly terminal?: boolean
  /** After those that every container has: such as the volumes of an unpacked image. */
  readonly mounts?: readonly OciMount[]
  /** Without root: those of the unpacked image. Default: all ids that this user has been granted, as `unpack` has it. */
  readonly mappings?: OwnerMappings | null
  /** As of `exampleConfig`, which everything is taken from that an image says nothing about. */
  readonly limits?: boolean
  /** As of `exampleConfig`. */
  readonly seccomp?: boolean
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * A whole configuration for `create`, to be used with `rootfs: { layers, upper }`: what the image says, in the cautious surroundings of
 * `exampleConfig`, with a root that can be written to. Without root this user is root in it. `layers`: the unpacked image, base
 * first, for its /etc/passwd. Volumes of the image are mounts only by `mounts` (`imageVolumes` of `unpack`); its ports are told in an annotation.
 * @throws {ImageError} ERR_IMAGE_INVALID without a command, or with a user whom the image does not have
 */
export function runtimeConfig(
  image: { readonly config: ImageConfig },
  layers: readonly string[],
  options: RuntimeConfigOptions = {},
): OciConfig {
  const { config } = image
  const { config: defaults = {} } = config
  const args = argsOf(config, options)
  const uid = effectiveUid()
  const base = exampleConfig({ ...given(options), args, ...(uid !== 0 && { rootless: { uid, gid: effectiveGid() } }) })
  const env = defaults.Env ?? []
  const hasPath = env.some(entry => entry.startsWith('PATH='))
  const terminal = options.terminal ?? false
  const user = userOf(layers, options.user ?? defaults.User ?? '')
  return {
    ...base,
    root: { path: 'rootfs', readonly: false },
    // What is written to /tmp belongs to the container's changes.
    mounts: [...(base.mounts ?? []).filter(({ destination }) => destination !== '/tmp'), ...(options.mounts ?? [])],
    process: {
      ...base.process,
      capabilities: capabilitiesOf(user),
      terminal,
      args,
      cwd: defaults.WorkingDir?.startsWith('/') ? defaults.WorkingDir : '/',
      env: [...(hasPath ? [] : [PATH]), ...(terminal ? ['TERM=xterm'] : []), ...env],
      user,
    },
    ...(uid !== 0 && { linux: { ...base.linux, ...(options.mappings ?? containerMappings(storeOwners())) } }),
    annotations: annotationsOf(config),
  }
}

/** What programs of images count on as root, less raw sockets and devices. */
const CAPABILITIES = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID'],
  ...['CAP_SETPCAP', 'CAP_SETFCAP', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_AUDIT_WRITE'],
]

/** Somebody else than root has none, but programs with capabilities of their own may give them. */
const capabilitiesOf = ({ uid = 0 }: OciUser): OciCapabilities =>
  uid === 0 ? { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES } : { bounding: CAPABILITIES }

const given = ({ limits, seccomp }: RuntimeConfigOptions): Pick<ExampleOptions, 'limits' | 'seccomp'> => ({
  ...(limits !== undefined && { limits }),
  ...(seccomp !== undefined && { seccomp }),
})

function argsOf({ config = {} }: ImageConfig, { args, entrypoint }: RuntimeConfigOptions): readonly string[] {
  const front = entrypoint ?? config.Entrypoint ?? []
  const back = args ?? (entrypoint === undefined ? (config.Cmd ?? []) : [])
  const all = [...front, ...back]
  if (all.length > 0) return all
  throw new ImageError('ERR_IMAGE_INVALID', 'the image has no command (Entrypoint, Cmd): name one', {
    path: '/config/Cmd',
  })
}

/**
 * An explicit label wins over what is made of another field. Those that are orders to the runtime are left out: whoever has made the image would choose a
 * program that CRIU runs as root.
 */
function annotationsOf({
  os,
  architecture,
  variant,
  author,
  created,
  config = {},
}: ImageConfig): Record<string, string> {
  const { StopSignal: stopSignal, ExposedPorts: ports, Labels: labels = {} } = config
  const exposedPorts = ports === undefined ? undefined : Object.keys(ports).join(',')
  const own = { os, architecture, variant, author, created, stopSignal, exposedPorts }
  const told = Object.entries(own).filter(([, value]) => value !== undefined && value !== '')
  const implicit = told.map(([name, value]) => [`org.opencontainers.image.${name}`, value as string] as const)
  const explicit = Object.entries(labels).filter(([name]) => name !== '' && !isUnsafeAnnotation(name))
  return Object.fromEntries([...implicit, ...explicit])
}
