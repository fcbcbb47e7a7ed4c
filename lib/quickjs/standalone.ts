/**
 * The program of the executable. When that is built all modules are loaded, and the heap is kept; what is begun here with the first call of
 * `nextCall` runs in each process.
 */
import './node-globals.js'
import { runCommandLine } from '../cli/command-run.js'
import { COMMANDS } from '../cli/commands/index.js'
import { hearRejections, next } from './event-loop.js'

/** What nobody refers to any more is freed at once, function by function, and its memory copied for that: the whole program, at its end. */
export const kept = [runCommandLine]

let isLoaded = false
let isStarted = false

/** Called by C again and again: what is to be run next, or null. */
export function nextCall(): (() => void) | null {
  if (!isLoaded || isStarted) return next()
  isStarted = true
  return () => {
    hearRejections()
    void import('../cli/main.js')
  }
}

async function loadAll(): Promise<void> {
  await Promise.all(Object.values(COMMANDS).map(load => load()))
  await Promise.all([import('../cli/shell/help.js'), import('../cli/shell/help-texts.js'), import('../cli/version.js')])
  await Promise.all([import('../cli/terminal.js')])
}

void loadAll().then(() => {
  isLoaded = true
})
