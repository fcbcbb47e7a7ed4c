/** Makes the container of a sandbox with all that belongs to it, and removes it. */
import { optionError } from '../config/option.js'
import type { Container } from '../index.js'
import type { NetworkAttachment } from '../network/index.js'
import { isErrno } from '../sys/errno.js'
import { isThere, realPath } from '../sys/file.js'
import { ownerOfPath } from '../sys/path-access.js'
import { effectiveGid, effectiveUid } from '../sys/self.js'
import { type Box, makeBox, removeOthers, sandboxDirectory } from './box-place.js'
import type { HostedPlace } from './file-places.js'
import { createIsolated, type IsolatedInput, type Isolation, sandboxRuntime } from './isolated-container.js'
import { HOST_PATHS } from './profile.js'
import { openSandboxImage, type SandboxImage } from './sandbox-image.js'
import { hasNetworkLeft, makeResolver, type OpenNetwork, openSandboxNetwork, removeNetwork } from './sandbox-network.js'
import type { SandboxSettings } from './sandbox-options.js'
import { writtenUpper } from './written.js'
import { copyWritten, NO_COPY, type WrittenCopy } from './written-copy.js'

export interface Made {
  readonly id: string
  readonly container: Container
  readonly box: Box
  readonly isolation: Isolation
  readonly user: { readonly uid: number; readonly gid: number }
  readonly hasCgroup: boolean
  /** Where it has files at all; null: in a root of its own. */
  readonly places: readonly HostedPlace[] | null
  /** Of its commands: those of the image and of its options. */
  readonly envs: Readonly<Record<string, string>>
  readonly cwd: string
  readonly network: OpenNetwork
  /** null: it has no gateway. */
  readonly attachment: NetworkAttachment | null
  readonly layers: readonly string[]
  /** The digest of its image; null if it has none. */
  readonly image: string | null
  /** Those of `layers` that are copies of what other sandboxes had written, when this one was made of them. */
  readonly copied: readonly string[]
  /** Where something is mounted in it. */
  readonly mountPoints: readonly string[]
  /** What is mounted over its root with an upper directory of its own. */
  readonly overlays: readonly BoxOverlay[]
}

export interface BoxOverlay {
  readonly target: string
  readonly upper: string
  /** What it is over, the lowest first. */
  readonly lower: readonly string[]
}

/** What a process that was killed has left. @returns the ids of the sandboxes that it had */
export async function pruneSandboxes(): Promise<string[]> {
  const place = sandboxDirectory()
  const runtime = sandboxRuntime(place)
  const swept = await runtime.sweep()
  await removeOthers(place, {
    isLiving: async id => (await runtime.list()).some(living => living.id === id),
    before: removeNetwork,
  })
  return swept
}

/** With `origin`, the files are those that this sandbox has by now. */
export async function makeSandboxContainer(settings: SandboxSettings, origin: Made | null = null): Promise<Made> {
  const { image: name, images, signal } = settings
  const volumes = settings.mounts.flatMap(({ volume, target }) => (volume === null ? [] : [{ volume, target }]))
  const image = name === null ? null : await openSandboxImage({ name, images, volumes, signal })
  try {
    return await makeOf(settings, image, origin)
  } finally {
    await image?.release()
  }
}

async function makeOf(settings: SandboxSettings, image: SandboxImage | null, origin: Made | null): Promise<Made> {
  if (origin !== null) writtenUpper(origin.container, 'fork')
  const place = sandboxDirectory()
  const network = openSandboxNetwork(settings.network)
  const isRoot = effectiveUid() === 0
  const sources = settings.mounts.map((mount, index) =>
    mount.volume === null ? sourceOf(mount, index) : (image?.volumes.get(mount.target) ?? ''),
  )
  const user = settings.user ?? image?.user ?? defaultUser(settings, sources, isRoot)
  const box = makeBox(place, { user, owner: isRoot ? user : null })
  try {
    image?.keepWhile(box.path)
    const copy = origin === null ? NO_COPY : await copyWritten(origin, box.path, settings.signal)
    const overlays = overlaysOf({ settings, sources, box, copy })
    const around = {
      ...{ user, sources, resolver: network.hasResolver ? makeResolver(box.path) : null },
      rootless: isRoot ? null : { uid: effectiveUid(), gid: effectiveGid() },
      hostPaths: (settings.host ?? HOST_PATHS).filter(path => settings.host !== null || isThere(path)),
      overlays: overlays.map(({ upper, work, lower }) => ({ upper, work, lower: lowerOption(lower) })),
    }
    const copied = [...copy.root]
    const layers = [...(settings.layers ?? image?.layers ?? [await box.base()]), ...copied]
    const { mounts, home, ...made } = await createIsolated({ place, settings, around, layers, box, network })
    const attachment = await attachOrDelete({ network, box, settings }, made.container)
    const mountPoints = [
      ...mounts.map(({ destination }) => destination),
      '/etc/resolv.conf',
      ...(settings.notify ? ['/run/notify'] : []),
    ]
    const envs = { ...image?.envs, ...home?.envs, ...settings.envs }
    const cwd = settings.cwd ?? image?.cwd ?? home?.cwd ?? '/'
    const files = { layers, image: image?.digest ?? null, copied, overlays, mountPoints }
    const own = { user: home?.user ?? user, places: home?.places ?? null }
    return { id: box.id, box, envs, cwd, network, attachment, ...own, ...files, ...made }
  } catch (error) {
    network.close()
    await removeBox(box)
    throw error
  } finally {
    box.unlock()
  }
}

function sourceOf({ source }: SandboxSettings['mounts'][number], index: number): string {
  try {
    return realPath(source)
  } catch (error) {
    if (!isErrno(error)) throw error
    const received = `${source} (${error.errno})`
    throw optionError({ option: `mounts[${index}].source`, expected: 'a path that can be reached', received })
  }
}

/** What plugins of its network could not remove is for `prune`, by what the box has noted. */
async function removeBox(box: Box): Promise<void> {
  if (!hasNetworkLeft(box.path)) await box.remove()
}

/**
 * Ends all that runs in it, and removes it.
 * @throws {CniError} after that: `prune` tries the network again
 */
export async function removeMade({ container, network, box }: Made): Promise<void> {
  try {
    if (network.detach !== null) {
      // It may have ended. While there is a record of it nobody else takes its network for left behind.
      await container.kill('SIGKILL').catch(() => {})
      await network.detach()
    }
  } finally {
    await deleteAndClose(container, network)
    await removeBox(box)
  }
}

async function deleteAndClose(container: Container, network: OpenNetwork): Promise<void> {
  try {
    await container.delete({ force: true })
  } finally {
    network.close()
  }
}

async function attachOrDelete(
  { network, box, settings: { signal } }: Pick<IsolatedInput, 'network' | 'box' | 'settings'>,
  container: Container,
): Promise<NetworkAttachment | null> {
  try {
    return await network.attach(container, box.path, signal)
  } catch (error) {
    // What it can't remove is still noted in the box.
    await network.detach?.().catch(() => {})
    await container.delete({ force: true })
    throw error
  }
}

const ORDINARY = { uid: 1000, gid: 1000 }

/** As root nobody maps ids: who is to write to what is mounted is its owner, who has no privilege inside. */
function defaultUser({ mounts }: SandboxSettings, sources: readonly string[], isRoot: boolean) {
  const writable = mounts.findIndex(({ mode }) => mode !== 'ro')
  return isRoot && writable >= 0 ? ownerOfPath(sources[writable] ?? '/') : ORDINARY
}

interface Overlaid {
  readonly settings: SandboxSettings
  readonly sources: readonly string[]
  readonly box: Box
  readonly copy: WrittenCopy
}

function overlaysOf({ settings: { mounts }, sources, box, copy }: Overlaid) {
  return mounts.flatMap(({ mode, target }, index) => {
    if (mode !== 'overlay') return []
    return [{ target, lower: [sources[index] ?? '', ...(copy.mounts.get(target) ?? [])], ...box.overlay(index) }]
  })
}

/** The uppermost first. A colon ends a layer. */
const lowerOption = (lower: readonly string[]): string =>
  [...lower]
    .reverse()
    .map(path => path.replace(/[\\:]/g, character => `\\${character}`))
    .join(':')
