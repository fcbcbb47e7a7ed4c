/** What the layers of a root have at a place, as an overlay shows it. */
import { closeFd, closeFds } from '../sys/beneath.js'
import { attributeOf, listNames, nodeAt, openTreeDirectory, type TreeNode } from '../sys/foreign-tree.js'

/** A character device 0:0: the name is gone, whatever is below. */
export const isWhiteout = ({ kind, rdev }: TreeNode): boolean => kind === 'device' && rdev === 0n

/** Of a directory that hides those below it; root writes the first, a user the second. */
const OPAQUE = ['trusted.overlay.opaque', 'user.overlay.opaque']

export const isOpaque = (directory: number): boolean => OPAQUE.some(name => attributeOf(directory, name) === 'y')

/** A directory that several layers may have, which are one in the root. */
export interface Lower {
  /** What has that name; null: nothing. */
  node(name: string): TreeNode | null
  /** All names, sorted. */
  names(): string[]
  /** Of the directory of that name: the layers that have it, the topmost first. */
  layersOf(name: string): readonly number[]
  close(): void
}

/** @param layers open roots of the layers that have the directory, the topmost first; they stay the caller's */
export function openLower(layers: readonly number[], path: string): Lower {
  const opened: number[] = []
  const having: number[] = []
  try {
    for (const layer of layers) {
      const directory = openTreeDirectory(layer, path)
      if (directory === null) continue
      opened.push(directory)
      having.push(layer)
    }
  } catch (error) {
    closeFds(opened)
    throw error
  }
  const node = (name: string): TreeNode | null => {
    for (const directory of opened) {
      const found = nodeAt(directory, name)
      if (found !== null) return isWhiteout(found) ? null : found
    }
    return null
  }
  return {
    node,
    names: () => [...new Set(opened.flatMap(listNames))].filter(name => node(name) !== null).sort(),
    layersOf: name => {
      const found: number[] = []
      for (const [index, directory] of opened.entries()) {
        const layer = having[index]
        const kind = nodeAt(directory, name)?.kind
        if (kind === undefined || layer === undefined) continue
        if (kind !== 'directory') break
        found.push(layer)
        if (hidesBelow(directory, name)) break
      }
      return found
    },
    close: () => closeFds(opened),
  }
}

/** Whether the directory of that name in an open one hides those of lower layers. */
export function hidesBelow(directory: number, name: string): boolean {
  const inner = openTreeDirectory(directory, name)
  if (inner === null) return false
  try {
    return isOpaque(inner)
  } finally {
    closeFd(inner)
  }
}
