/** A new image of what a sandbox has written. */
import { optionError } from '../config/option.js'
import { isText, type OptionShapes, SIGNAL } from '../config/option-shapes.js'
import type { CommitOptions, Image, Images } from '../image/index.js'

export type SandboxCommitOptions = Omit<CommitOptions, 'base'>

const TEXT = [(value: unknown) => typeof value === 'string', 'a text'] as const
const WORDS = ['gzip', 'zstd', 'none']

export const COMMIT: OptionShapes<SandboxCommitOptions> = {
  config: [value => typeof value === 'object' && value !== null, 'an object'],
  ...{ author: TEXT, message: TEXT, signal: SIGNAL },
  compression: [value => WORDS.includes(value as string), '"gzip", "zstd" or "none"'],
}

interface Written {
  readonly container: { readonly upper: string | null }
  readonly image: string | null
  readonly copied: readonly string[]
}

/** The digest of its image. @throws {ConfigError} for what can't be committed */
export function imageOf({ image }: Pick<Written, 'image'>, name: unknown): string {
  if (!isText(name)) throw optionError({ option: 'name', expected: 'the name of an image', received: name })
  if (image !== null) return image
  throw optionError({ option: 'image', expected: 'an image, for there to be one that is changed', received: 'none' })
}

interface Committing {
  readonly store: Images
  readonly name: string
  readonly options: SandboxCommitOptions
}

/** What copies of other sandboxes have brought is a layer each. Nothing may be written meanwhile. */
export async function commitWritten({ container, image, copied }: Written, committing: Committing): Promise<Image> {
  const { store, name, options } = committing
  let base = imageOf({ image }, name)
  let made: Image | null = null
  for (const upper of [...copied, container.upper ?? '']) {
    made = await store.commit(upper, name, { ...options, base })
    base = made.digest
  }
  return made ?? store.get(base)
}
