/** Copies of what a sandbox has written, as layers for another one. */
import { copyUpper } from '../image/index.js'
import { makeDirectory } from '../sys/file.js'

/** What of a sandbox is copied. */
interface Origin {
  readonly container: { readonly upper: string | null }
  /** Layers of its root that are copies themselves, and go with its box. */
  readonly copied: readonly string[]
  readonly overlays: readonly { readonly target: string; readonly upper: string; readonly lower: readonly string[] }[]
}

export interface WrittenCopy {
  /** For the root, the lowest first. */
  readonly root: readonly string[]
  /** For the overlays, by their targets. */
  readonly mounts: ReadonlyMap<string, readonly string[]>
}

export const NO_COPY: WrittenCopy = { root: [], mounts: new Map() }

/**
 * In the directory of the box that they are for. Nothing may be written in the sandbox meanwhile.
 * @throws {LayerError}; the reason of `signal`
 */
export async function copyWritten(origin: Origin, box: string, signal: AbortSignal | undefined): Promise<WrittenCopy> {
  let count = 0
  const copyAll = async (sources: readonly string[]): Promise<string[]> => {
    const targets: string[] = []
    for (const source of sources) {
      const target = `${box}/copy${count++}`
      makeDirectory(target, 0o755)
      await copyUpper(source, target, signal === undefined ? {} : { signal })
      targets.push(target)
    }
    return targets
  }
  const { upper } = origin.container
  const root = await copyAll([...origin.copied, ...(upper === null ? [] : [upper])])
  const mounts = new Map<string, readonly string[]>()
  // The lowest is the source of the mount, which both have.
  for (const { target, upper: written, lower } of origin.overlays)
    mounts.set(target, await copyAll([...lower.slice(1), written]))
  return { root, mounts }
}
