/** Several trees, read as the one that overlay makes of them. */
import { isOpaqueEntry } from './packed-tree.js'
import type { FoundEntry, TreeReader } from './tree-reader.js'

/** A tree that has a directory, and what is in it there. */
interface Having {
  readonly reader: TreeReader
  readonly names: ReadonlySet<string>
}

const FORMAT = 0o170000
const DIRECTORY = 0o040000

const isDirectory = ({ mode }: FoundEntry): boolean => (mode & FORMAT) === DIRECTORY

/**
 * An upper tree hides what has the same name in a lower one, but for directories, which are merged unless the upper one is opaque.
 * Whiteouts are told as what they are. `readers`: the uppermost first; they stay the caller's.
 */
export function mergedReader(readers: readonly TreeReader[]): TreeReader {
  const folders = new Map<string, readonly Having[]>()
  const asked: { readonly path: string; readonly among: readonly TreeReader[] }[] = []
  let last: TreeReader | undefined
  const havingName = (path: string): readonly TreeReader[] => {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    const folder = folders.get(path.slice(0, Math.max(slash, 0))) ?? []
    return folder.filter(({ names }) => names.has(name)).map(({ reader }) => reader)
  }
  const ask = (path: string): void => {
    const among = path === '' ? readers : havingName(path)
    for (const reader of among) reader.ask(path)
    asked.push({ path, among })
  }
  const answer = async (): Promise<FoundEntry> => {
    const { path, among } = asked.shift() ?? { path: '', among: [] }
    const found = await answersOf(among)
    const [upper] = found
    if (upper === undefined) throw new Error(`nobody has ${path}`)
    last = upper.reader
    if (!isDirectory(upper.entry)) return upper.entry
    const merged = mergedOf(found).map(({ reader, entry }) => ({ reader, names: new Set(entry.names) }))
    folders.set(path, merged)
    return { ...upper.entry, names: [...new Set(merged.flatMap(({ names }) => [...names]))] }
  }
  return {
    ...{ ask, answer },
    content: async () => (await last?.content()) ?? Buffer.alloc(0),
    stop: async () => {},
  }
}

interface Answer {
  readonly reader: TreeReader
  readonly entry: FoundEntry
}

async function answersOf(readers: readonly TreeReader[]): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (const reader of readers) {
    answers.push({ reader, entry: await reader.answer() })
    // Hidden by the first one.
    if (answers.length > 1) while ((await reader.content()).length > 0);
  }
  return answers
}

function mergedOf(found: readonly Answer[]): readonly Answer[] {
  const end = found.findIndex(({ entry }) => !isDirectory(entry))
  const directories = end < 0 ? found : found.slice(0, end)
  const opaque = directories.findIndex(isOpaqueIn)
  return opaque < 0 ? directories : directories.slice(0, opaque + 1)
}

const isOpaqueIn = ({ entry }: Answer): boolean => isOpaqueEntry({ found: entry })
