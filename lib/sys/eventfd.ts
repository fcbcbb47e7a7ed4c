/** Descriptors by which the kernel tells of events; `watch` waits for them. */
import { readSync } from 'node:fs'
import { check, isErrno, viaNode } from './errno.js'
import { native } from './native.js'

/** An eventfd that does not block. */
export function openEventfd(): number {
  return check(native().ts_eventfd(), 'eventfd')
}

const COUNTER_BYTES = 8

/** Takes what has been counted, so that the descriptor is not readable any more. */
export function takeEvents(eventfd: number): void {
  try {
    viaNode(() => readSync(eventfd, Buffer.alloc(COUNTER_BYTES)))
  } catch (error) {
    if (!isErrno(error, 'EAGAIN')) throw error
  }
}

const LONGEST_TEXT = 4096

/** The text of a file of the kernel's from its start; by this, a changed one counts as seen. null where it is gone. */
export function readAgain(fd: number): string | null {
  const bytes = Buffer.alloc(LONGEST_TEXT)
  try {
    return bytes.toString(
      'utf8',
      0,
      viaNode(() => readSync(fd, bytes, 0, LONGEST_TEXT, 0)),
    )
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return null
    throw error
  }
}
