/** What a sandbox has written, told as changes. */
import { optionError } from '../config/option.js'
import { diffUpper, type RootChange } from '../index.js'

interface Written {
  readonly container: { readonly upper: string | null }
  readonly layers: readonly string[]
  readonly overlays: readonly { readonly target: string; readonly upper: string; readonly lower: readonly string[] }[]
  readonly mountPoints: readonly string[]
}

/** @throws {ConfigError} for a sandbox of the level `landlock`, which has no root that could be compared with what it was */
export function writtenUpper({ upper }: Written['container'], what: string): string {
  if (upper !== null) return upper
  throw optionError({ option: what, expected: 'called of a sandbox with a root of its own', received: 'landlock' })
}

/** At `path`, absolute, and below. */
export async function writtenIn(
  { container, layers, overlays, mountPoints }: Written,
  path: string,
  options: { readonly signal?: AbortSignal },
): Promise<RootChange[]> {
  const changes: RootChange[] = []
  const start = path.replace(/\/*$/, '')
  const add = async (upper: string, lower: readonly string[], target: string): Promise<void> => {
    for await (const found of diffUpper(upper, lower, options)) {
      const change = below(target, found)
      if (isIn(change.path, start) && !isMountPoint(change, mountPoints)) changes.push(change)
    }
  }
  await add(writtenUpper(container, 'diff'), layers, '')
  for (const { upper, lower, target } of overlays) await add(upper, lower, target)
  return changes
}

/** What the runtime has made for something to be mounted on. */
function isMountPoint({ path, change, kind }: RootChange, points: readonly string[]): boolean {
  if (change !== 'added' || (kind !== 'directory' && kind !== 'file')) return false
  return points.some(point => point === path || point.startsWith(`${path}/`))
}

const isIn = (path: string, start: string): boolean => start === '' || path === start || path.startsWith(`${start}/`)

const below = (target: string, change: RootChange): RootChange =>
  target === '' ? change : { ...change, path: `${target}${change.path}`, bytes: joined(target, change.bytes) }

function joined(target: string, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...new TextEncoder().encode(target), ...bytes])
}
