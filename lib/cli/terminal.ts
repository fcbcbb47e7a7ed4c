/** The caller's terminal in place of the container's: keys, output and size pass through. */
import { isatty } from 'node:tty'
import { rawTerminal, type Terminal } from '../index.js'

/** How long output that is on its way is waited for when something keeps the container's terminal open. */
const DRAIN_MS = 1000

export interface Attachment {
  /** Gives the caller's terminal back, after the output has been written. */
  detach(): Promise<void>
}

export function attach(terminal: Terminal): Attachment {
  const { stdin, stdout } = process
  const ended = new Promise<void>(resolve => terminal.once('close', resolve).once('end', resolve))
  const resize = followSize(terminal)
  const restore = makeRaw()
  stdin.on('error', () => {})
  stdin.pipe(terminal, { end: false })
  terminal.pipe(stdout, { end: false })
  const detach = async (): Promise<void> => {
    await within(DRAIN_MS, ended)
    resize.stop()
    stdin.unpipe(terminal)
    restore()
    stdin.destroy()
    terminal.destroy()
  }
  return { detach }
}

/**
 * The terminal that the command was called on, in whatever descriptor: keys pass through if they are read, and Control-C stays
 * a signal if they are not. However the process ends, the terminal is given back.
 */
function makeRaw(): () => void {
  const fd = [0, 1, 2].find(isatty)
  if (fd === undefined) return () => {}
  const restore = rawTerminal(fd, { keys: fd === 0 })
  process.once('exit', restore)
  return restore
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
