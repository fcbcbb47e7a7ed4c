/** The caller's terminal in place of the container's: keys, output and size pass through. */
import { isatty } from 'node:tty'
import type { Terminal } from '../index.js'

/** How long output that is on its way is waited for when something keeps the container's terminal open. */
const DRAIN_MS = 1000

export interface Attachment {
  /** Gives the caller's terminal back, after the output has been written. */
  detach(): Promise<void>
}

export function attach(terminal: Terminal): Attachment {
  const { stdin, stdout } = process
  const isRaw = isatty(0)
  const ended = new Promise<void>(resolve => terminal.once('close', resolve).once('end', resolve))
  const resize = followSize(terminal)
  if (isRaw) stdin.setRawMode(true)
  stdin.on('error', () => {})
  stdin.pipe(terminal, { end: false })
  terminal.pipe(stdout, { end: false })
  const detach = async (): Promise<void> => {
    await within(DRAIN_MS, ended)
    resize.stop()
    stdin.unpipe(terminal)
    if (isRaw) stdin.setRawMode(false)
    stdin.destroy()
    terminal.destroy()
  }
  return { detach }
}

async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}

/** The container's terminal gets the size of the caller's, now and whenever it changes. */
function followSize(terminal: Terminal): { stop(): void } {
  const shown = [process.stdout, process.stderr].find(stream => stream.isTTY)
  const adopt = (): void => {
    if (shown !== undefined) terminal.resize({ rows: shown.rows, columns: shown.columns })
  }
  adopt()
  shown?.on('resize', adopt)
  return { stop: () => void shown?.off('resize', adopt) }
}
