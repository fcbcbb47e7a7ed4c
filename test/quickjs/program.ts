/** The cases as a program of the executable's: writes what comes of them as JSON. */
import '../../lib/quickjs/node-globals.js'
import { writeSync } from 'node:fs'
import { hearRejections, next } from '../../lib/quickjs/event-loop.js'
import { tryAll, tryOrder } from './cases.js'

let isStarted = false

async function run(): Promise<void> {
  const [, , folder = ''] = process.argv
  const text = JSON.stringify([tryAll(folder), await tryOrder()])
  for (let at = 0; at < text.length; at += 4096) writeSync(1, text.slice(at, at + 4096))
}

export function nextCall(): (() => void) | null {
  if (isStarted) return next()
  isStarted = true
  return () => {
    hearRejections()
    void run()
  }
}
