/** What a root of layers has that its layers have not: read from the upper directory of its overlay. */
import type { OciIdMapping } from '../config/oci-config.js'
import { optionError } from '../config/option.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { openPath } from '../sys/file.js'
import {
  bytesOfPath,
  listNames,
  type NodeKind,
  nodeAt,
  openTreeDirectory,
  type TreeNode,
  utf8Of,
} from '../sys/foreign-tree.js'
import { monotonicMs, nextTurn } from '../sys/self.js'
import { hidesBelow, isOpaque, isWhiteout, openLower } from './lower.js'

export interface DiffOptions {
  /** The mappings of the container, if it has a user namespace that root has made: what is written has the ids of the host. Default: none. */
  readonly uidMappings?: readonly OciIdMapping[]
  readonly gidMappings?: readonly OciIdMapping[]
  /** Cancels: its reason is thrown. */
  readonly signal?: AbortSignal
}

export interface RootChange {
  /** Absolute in the root. Bytes that are no UTF-8 are U+FFFD here. */
  readonly path: string
  /** The same as bytes. */
  readonly bytes: Uint8Array
  readonly change: 'added' | 'modified' | 'deleted'
  /** Of what is there now; of what is deleted: of what was there. */
  readonly kind: NodeKind
  /** In bytes. */
  readonly size: number
  readonly mode: number
  /** As the container counts, if its mappings are given. */
  readonly uid: number
  readonly gid: number
  /** Of a file with several names each is a change, with the same inode. */
  readonly inode: bigint
  readonly links: number
  /** A directory that has nothing of the one that was there before it. */
  readonly opaque: boolean
}

/** How long the event loop may be held. */
const TURN_MS = 4

/**
 * The changes, each directory before what is in it, names in the order of their bytes. A directory in which something has changed is no change
 * itself, unless its mode or owner is another; what is in a directory that is deleted is not told. Links are never followed, and the
 * container may go on writing: what vanishes meanwhile is left out.
 *
 * `upper` is `container.upper`, and `layers` are those of the root, the lowest first. The root must have been made by tsrun: `redirect_dir` and
 * `metacopy` of the overlay are off.
 *
 * @throws {ConfigError} for no layers; {SystemError} for what can't be read; the reason of `signal`
 */
export async function* diffUpper(
  upper: string,
  layers: readonly string[],
  options: DiffOptions = {},
): AsyncGenerator<RootChange, void> {
  if (layers.length === 0) throw optionError({ option: 'layers', expected: 'at least one path', received: layers })
  const roots: number[] = []
  try {
    for (const path of [upper, ...layers]) roots.push(openPath(path, { directory: true }))
    const [top = -1, ...lower] = roots
    yield* changesIn({ top, lower: lower.reverse(), options })
  } finally {
    closeFds(roots)
  }
}

interface Walk {
  readonly top: number
  readonly lower: readonly number[]
  readonly options: DiffOptions
}

/** Not opened yet: a tree of any depth takes the descriptors of one directory. */
interface Pending {
  readonly path: string
  readonly layers: readonly number[]
}

async function* changesIn({ top, lower, options }: Walk): AsyncGenerator<RootChange, void> {
  const pending: (Pending | RootChange)[] = [{ path: '', layers: lower }]
  const takeTurns = turns(options.signal)
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    await takeTurns()
    if ('change' in next) {
      yield next
      continue
    }
    const found: (Pending | RootChange)[] = []
    for (const one of changesOfDirectory(top, next, options)) {
      found.push(one)
      await takeTurns()
    }
    pending.push(...found.reverse())
  }
}

/** Lets the event loop have its turn after a while. */
function turns(signal: AbortSignal | undefined): () => Promise<void> | undefined {
  let since = monotonicMs()
  const rest = async (): Promise<void> => {
    await nextTurn()
    since = monotonicMs()
  }
  return () => {
    signal?.throwIfAborted()
    return monotonicMs() - since < TURN_MS ? undefined : rest()
  }
}

/** The changes of one directory and, after that of each directory in it, what is to be looked at next. */
function* changesOfDirectory(
  top: number,
  { path, layers }: Pending,
  options: DiffOptions,
): Generator<Pending | RootChange> {
  const directory = openTreeDirectory(top, path)
  if (directory === null) return
  const before = openLower(layers, path)
  try {
    const isNew = isOpaque(directory)
    for (const name of mergedNames(listNames(directory), isNew ? before.names() : [])) {
      const place = path === '' ? name : `${path}/${name}`
      const node = nodeAt(directory, name)
      const was = before.node(name)
      const gone = node === null || isWhiteout(node)
      if (gone && was !== null) yield changeOf({ place, node: was, change: 'deleted', options: {} })
      if (gone) continue
      yield* entry({ place, node, was, directory, name, options })
      if (node.kind === 'directory') yield { path: place, layers: before.layersOf(name) }
    }
  } finally {
    closeFd(directory)
    before.close()
  }
}

const mergedNames = (names: readonly string[], more: readonly string[]): readonly string[] =>
  more.length === 0 ? names : [...new Set([...names, ...more])].sort()

interface Entry {
  readonly place: string
  readonly name: string
  readonly node: TreeNode
  readonly was: TreeNode | null
  readonly directory: number
  readonly options: DiffOptions
}

function entry({ place, name, node, was, directory, options }: Entry): RootChange[] {
  if (was === null) return [changeOf({ place, node, change: 'added', options })]
  const modified = { place, node, change: 'modified', options } as const
  if (node.kind !== 'directory' || was.kind !== 'directory') return [changeOf(modified)]
  if (hidesBelow(directory, name)) return [{ ...changeOf(modified), opaque: true }]
  const same = node.mode === was.mode && uidOf(node, options) === was.uid && gidOf(node, options) === was.gid
  return same ? [] : [changeOf(modified)]
}

interface Told {
  readonly place: string
  readonly node: TreeNode
  readonly change: RootChange['change']
  readonly options: DiffOptions
}

function changeOf({ place, node, change, options }: Told): RootChange {
  const { kind, size, mode, inode, links } = node
  const path = `/${place}`
  const ids = { uid: uidOf(node, options), gid: gidOf(node, options) }
  return { path: utf8Of(path), bytes: bytesOfPath(path), change, kind, size, mode, ...ids, inode, links, opaque: false }
}

const uidOf = ({ uid }: TreeNode, { uidMappings = [] }: DiffOptions): number => mapped(uid, uidMappings)
const gidOf = ({ gid }: TreeNode, { gidMappings = [] }: DiffOptions): number => mapped(gid, gidMappings)

function mapped(id: number, mappings: readonly OciIdMapping[]): number {
  for (const { containerID, hostID, size } of mappings) {
    const offset = id - Number(hostID)
    if (offset >= 0 && offset < Number(size)) return Number(containerID) + offset
  }
  return id
}
