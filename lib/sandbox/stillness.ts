/** A sandbox in which nothing writes, for as long as what it has written is read. */
import { isTsrunError } from '../errors.js'
import type { Container } from '../index.js'

interface Stilled {
  readonly container: Pick<Container, 'state' | 'pause' | 'resume'>
  readonly hasCgroup: boolean
}

interface Pause {
  users: number
  /** Whether it was for us that it has been paused. */
  ours: Promise<boolean>
}

const pauses = new WeakMap<Stilled['container'], Pause>()
/** Whoever pauses it next waits until it goes on. */
const resumes = new WeakMap<Stilled['container'], Promise<void>>()

/**
 * Runs `act` while it is paused; several may do so at once, and the last lets it go on. Without a cgroup it is only hoped that nothing writes. `undo` gets the
 * result if the sandbox can't go on, which is thrown.
 */
export async function whileStill<T>(
  { container, hasCgroup }: Stilled,
  act: () => Promise<T>,
  undo: (result: T) => Promise<unknown> = async () => {},
): Promise<T> {
  if (!hasCgroup) return act()
  const pause = pauses.get(container) ?? { users: 0, ours: pauseUnless(container) }
  pauses.set(container, pause)
  pause.users++
  let result: T
  try {
    await pause.ours
    result = await act()
  } catch (error) {
    await release(container, pause).catch(() => {})
    throw error
  }
  try {
    await release(container, pause)
  } catch (error) {
    await undo(result)
    throw error
  }
  return result
}

async function pauseUnless(container: Stilled['container']): Promise<boolean> {
  await resumes.get(container)?.catch(() => {})
  if ((await container.state()).status === 'paused') return false
  await container.pause()
  return true
}

async function release(container: Stilled['container'], pause: Pause): Promise<void> {
  if (--pause.users > 0) return
  pauses.delete(container)
  const going = goOn(container, pause)
  resumes.set(container, going)
  await going
}

/** It may have been stopped, or resumed by somebody else. */
async function goOn(container: Stilled['container'], { ours }: Pause): Promise<void> {
  if (!(await ours.catch(() => false))) return
  try {
    await container.resume()
  } catch (error) {
    if (!isTsrunError(error) || !['ERR_STATE_NOT_FOUND', 'ERR_STATE_STATUS'].includes(error.code)) throw error
  }
}
