import { closeFds } from './beneath.js'
import { openNull } from './file.js'

/** Descriptors that are held so that what has to be undone later can be, also if this process has none left by then. */
export interface Spare {
  /** May be called again. */
  release(): void
}

/** @throws {SystemError} EMFILE, and holds none */
export function holdSpare(count: number): Spare {
  const held: number[] = []
  const release = (): void => closeFds(held.splice(0))
  try {
    while (held.length < count) held.push(openNull())
    return { release }
  } catch (error) {
    release()
    throw error
  }
}
