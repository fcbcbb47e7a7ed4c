/** How far images are on their way: a line with a bar for each layer on a terminal, elsewhere a line when something is done. */
import { isatty } from 'node:tty'
import type { ImageProgress } from '../image/index.js'
import { printError } from './log.js'

const STDERR = 2
const BAR_WIDTH = 30
/** Often enough to look alive, seldom enough not to cost anything. */
const PAUSE_MS = 100
const NAME_DIGITS = 12

export interface TransferLines {
  readonly onProgress: (event: ImageProgress) => void
  /** The last state has been shown. */
  end(): void
}

export function transferLines({ quiet }: { quiet: boolean }): TransferLines {
  if (quiet) return { onProgress: () => {}, end: () => {} }
  return withNote(isatty(STDERR) ? bars() : plainLines())
}

const SQUASHED =
  'all files belong to this user, whatever the image says: other owners take ids in /etc/subuid and /etc/subgid (uidmap)'

/** What is not as in the image is told once, however many layers there are. */
function withNote({ onProgress, end }: TransferLines): TransferLines {
  let isSquashed = false
  return {
    onProgress: event => {
      isSquashed ||= event.type === 'unpacked' && event.how === 'written' && event.squashed
      onProgress(event)
    },
    end: () => {
      end()
      if (isSquashed) printError(`${SQUASHED}\n`)
    },
  }
}

/** From `sha256:...`. */
const shortName = (digest: string): string => digest.slice('sha256:'.length).slice(0, NAME_DIGITS)

function doneText(event: ImageProgress): string | null {
  if (event.type === 'transferred') {
    return { moved: 'transferred', exists: 'already there', mounted: 'there in another repository' }[event.how]
  }
  if (event.type === 'unpacked') return event.how === 'written' ? 'unpacked' : 'already unpacked'
  return null
}

function plainLines(): TransferLines {
  const onProgress = (event: ImageProgress): void => {
    if (event.type === 'resolved') printError(`${event.image}: ${event.digest}\n`)
    const done = doneText(event)
    if (done !== null && event.type !== 'resolved') printError(`${shortName(event.digest)}: ${done}\n`)
  }
  return { onProgress, end: () => {} }
}

function bars(): TransferLines {
  const states = new Map<string, string>()
  let [shown, drawnAt] = [0, 0]
  const draw = (): void => {
    const up = shown === 0 ? '' : `\x1b[${shown}A`
    const lines = [...states].map(([digest, state]) => `\r\x1b[2K${shortName(digest)}: ${state}\n`)
    printError(up + lines.join(''))
    shown = lines.length
    drawnAt = performance.now()
  }
  const onProgress = (event: ImageProgress): void => {
    if (event.type === 'resolved') {
      printError(`${event.image}: ${event.digest}\n`)
      for (const { digest } of event.layers) states.set(digest, 'waiting')
      draw()
      return
    }
    states.set(event.digest, stateOf(event))
    if (event.type !== 'transfer' || performance.now() - drawnAt > PAUSE_MS) draw()
  }
  return { onProgress, end: draw }
}

function stateOf(event: Exclude<ImageProgress, { type: 'resolved' }>): string {
  if (event.type === 'unpacking') return 'unpacking'
  if (event.type !== 'transfer') return doneText(event) ?? ''
  const { done, total } = event
  const filled = total === 0 ? BAR_WIDTH : Math.floor((done / total) * BAR_WIDTH)
  return `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${sizeText(done)}/${sizeText(total)}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** With powers of 1000, as registries show sizes. */
export function sizeText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3))
  const amount = bytes / 1000 ** power
  return `${power === 0 ? amount : amount.toFixed(1)} ${UNITS[power]}`
}
