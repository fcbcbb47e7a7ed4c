/** Turns the entries of an archive into orders for the writer. */
import { LayerError } from '../errors.js'
import { breather, type LayerCounts, sendOrder, type Tally, type TreeContext, writeContent } from './layer-content.js'
import { keepLimit, type Limits, shown } from './layer-limits.js'
import { layerPath, meaningOf } from './layer-path.js'
import { checkIds, layerAttributes, nodeOf } from './layer-rules.js'
import type { Order, OrderName } from './orders.js'
import type { EntryKind, TarEntry } from './tar-reader.js'

export interface LayerTree {
  /** Reads the entry's content too. */
  add(entry: TarEntry): Promise<void>
  /** After the last one: the modes and times of directories. */
  settle(): Promise<LayerCounts>
}

export function layerTree(
  surroundings: Pick<TreeContext, 'writer' | 'tar' | 'limits' | 'owners' | 'devices' | 'exposed'>,
): LayerTree {
  const counts: Tally = { entries: 0, bytes: 0, squashed: false, opaque: false, dropped: { xattrs: 0, devices: 0 } }
  const context: TreeContext = { ...surroundings, counts, breathe: breather(), sparse: 0 }
  const directories = rememberedDirectories(context.limits)
  const add = async (entry: TarEntry): Promise<void> => {
    await addEntry(context, directories, entry)
    await context.breathe()
  }
  const settle = async (): Promise<LayerCounts> => {
    for (const level of directories.deepestFirst()) {
      for (const [first, { mode, seconds, nanoseconds }] of level) {
        await sendOrder(context, { order: 'settle', first, mode, number: seconds, nanoseconds })
        await context.breathe()
      }
    }
    return counts
  }
  return { add, settle }
}

type Settling = Pick<TarEntry, 'mode' | 'seconds' | 'nanoseconds'>

interface Directories {
  add(path: string, settling: Settling): void
  /** Something else has that name now. */
  forget(path: string): void
  /** What is in a directory comes before it, whose mode may keep us out. */
  deepestFirst(): readonly ReadonlyMap<string, Settling>[]
}

const depthOf = (path: string): number => (path === '' ? 0 : path.split('/').length)

function rememberedDirectories(limits: Limits): Directories {
  const levels: Map<string, Settling>[] = []
  let names = 0
  return {
    add: (path, { mode, seconds, nanoseconds }) => {
      const depth = depthOf(path)
      while (levels.length <= depth) levels.push(new Map())
      if (levels[depth]?.has(path) !== true) names += path.length
      keepLimit(limits, { name: 'directories', value: names, entry: path })
      levels[depth]?.set(path, { mode, seconds, nanoseconds })
    },
    forget: path => void levels[depthOf(path)]?.delete(path),
    deepestFirst: () => levels.reverse(),
  }
}

async function addEntry(context: TreeContext, directories: Directories, entry: TarEntry): Promise<void> {
  const { limits, counts, owners } = context
  counts.entries++
  const path = layerPath(entry.name, limits)
  keepLimit(limits, { name: 'entries', value: counts.entries, entry: path })
  const { what, path: place } = meaningOf(path, entry.kind === 'file' && entry.size === 0)
  if (what !== 'entry') {
    counts.opaque ||= what === 'opaque' && place === ''
    return sendOrder(context, { order: what, first: place })
  }
  if (path === '' && entry.kind !== 'directory') throw unsafe('.', `the root of the layer is a ${entry.kind}`)
  checkIds(entry, path)
  if (context.exposed && entry.kind === 'file') checkSetId(entry, path)
  counts.squashed ||= !owners && (entry.uid !== 0 || entry.gid !== 0)
  if (entry.kind === 'directory') directories.add(path, entry)
  else directories.forget(path)
  await MAKERS[entry.kind](context, entry, path)
}

const SET_ID = 0o6000

/** Outside of a container it would give the rights of its owner to any user of the host. */
function checkSetId({ mode }: TarEntry, path: string): void {
  if ((mode & SET_ID) === 0) return
  throw unsafe(
    path,
    'a set-user-ID or set-group-ID program, in a target that other users can reach: chmod 700 a directory above it',
  )
}

const unsafe = (entry: string, message: string): LayerError =>
  new LayerError('ERR_LAYER_UNSAFE', message, { entry: shown(entry) })

type Maker = (context: TreeContext, entry: TarEntry, path: string) => Promise<void>

/** One literal, as those of headers. */
const orderOf = (order: OrderName, first: string, { mode, uid, gid, seconds, nanoseconds }: TarEntry): Order => ({
  order,
  first,
  mode,
  uid,
  gid,
  number: seconds,
  nanoseconds,
})

const makeFile: Maker = async (context, entry, path) => {
  await sendOrder(context, orderOf('file', path, entry))
  await writeContent(context, entry, path)
  // After the content: to write to a file takes its capabilities away.
  await sendAttributes(context, entry, path)
  await sendOrder(context, { order: 'finish' })
}

const makeDirectory: Maker = async (context, entry, path) => {
  await sendOrder(context, orderOf('directory', path, entry))
  await sendAttributes(context, entry, path)
  await sendOrder(context, { order: 'finish' })
}

const makeSymlink: Maker = async (context, entry, path) => {
  const { linkName } = entry
  keepLimit(context.limits, { name: 'path', value: linkName.length, entry: path })
  if (linkName === '' || linkName.includes('\0')) throw unsafe(path, 'a symbolic link that says nothing, or has a NUL')
  await sendAttributes(context, entry, path)
  await sendOrder(context, { ...orderOf('symlink', path, entry), second: linkName })
}

const makeLink: Maker = async (context, { linkName }, path) => {
  const target = layerPath(linkName, context.limits)
  if (target === '') throw unsafe(path, 'a hard link to the root of the layer')
  await sendOrder(context, { order: 'link', first: path, second: target })
}

const makeNode: Maker = async (context, entry, path) => {
  const node = nodeOf(entry, path)
  if (node.device !== 0 && !context.devices) {
    context.counts.dropped.devices++
    return
  }
  await sendAttributes(context, entry, path)
  await sendOrder(context, { ...orderOf('node', path, entry), ...node })
}

const MAKERS: Readonly<Record<EntryKind, Maker>> = {
  ...{ file: makeFile, directory: makeDirectory, symlink: makeSymlink, link: makeLink },
  ...{ fifo: makeNode, character: makeNode, block: makeNode },
}

/** Those that are kept belong to the file or directory that is open. */
async function sendAttributes(context: TreeContext, entry: TarEntry, path: string): Promise<void> {
  const { limits, counts } = context
  const { kept, dropped } = layerAttributes(entry, path, { capabilities: context.owners, limits })
  counts.dropped.xattrs += dropped
  for (const [first, second] of kept) await sendOrder(context, { order: 'attribute', first, second })
}
