/** The picture of a timeline: pure, and the same text for the same timeline. */
import type { TimelineEntry } from './launch/timeline.js'

const ROW = 18
const TOP = 64
const BARS = { left: 330, width: 640 }
const WIDTH = 1080
const MOST_LETTERS = 46

const COLOURS: Readonly<Record<string, string>> = {
  runtime: '#4878a8',
  waiting: '#c8c8c8',
  helper: '#7a5195',
  SPAWN: '#bc5090',
  MOUNT: '#ef5675',
  PIVOT: '#ff764a',
  INSIDE: '#d8a000',
  IDENTITY: '#5a9e4b',
  EXEC: '#2f7f79',
}

/**
 * An SVG document: a row for each step, in the order in which they began, with its time in microseconds.
 * `title`: what it is of; default "create".
 */
export function drawTimeline(entries: readonly TimelineEntry[], { title = 'create' } = {}): string {
  const end = Math.max(1, ...entries.map(({ startUs, durationUs }) => startUs + durationUs))
  const height = TOP + entries.length * ROW + 20
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="10" y="18" font-size="14">${escaped(title)}: ${written(end)} µs</text>`,
    ...legend(),
    ...ticks(end, height),
    ...entries.map((entry, index) => row(entry, { y: TOP + index * ROW, end })),
    '</svg>\n',
  ].join('\n')
}

const keyOf = ({ who, phase }: TimelineEntry): string => (who === 'host' ? 'runtime' : phase === '' ? who : phase)

function legend(): string[] {
  return Object.entries(COLOURS).map(([key, colour], index) => {
    const x = 10 + index * 100
    return `<rect x="${x}" y="28" width="10" height="10" fill="${colour}"/><text x="${x + 14}" y="37">${key}</text>`
  })
}

/** Not more than ten lines, at round numbers. */
function ticks(end: number, height: number): string[] {
  const unit = 10 ** Math.floor(Math.log10(end))
  const step = [0.1, 0.2, 0.5, 1].map(part => part * unit).find(size => end / size <= 10) ?? unit
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => {
    const x = placed(index * step, end)
    const line = `<line x1="${x}" y1="${TOP - 6}" x2="${x}" y2="${height - 16}" stroke="#e4e4e4"/>`
    return `${line}<text x="${x}" y="${TOP - 10}" fill="#777777">${written(index * step)}</text>`
  })
}

function row(entry: TimelineEntry, { y, end }: { readonly y: number; readonly end: number }): string {
  const { name, origin, startUs, durationUs } = entry
  const x = placed(startUs, end)
  const width = Math.max(0.5, rounded((durationUs / end) * BARS.width))
  const whole = `${name}${origin === '' ? '' : ` ${origin}`}`
  return [
    `<g><title>${escaped(whole)}: ${written(durationUs)} µs from ${written(startUs)} µs on</title>`,
    `<text x="10" y="${y + 12}">${escaped(cut(whole))}</text>`,
    `<rect x="${x}" y="${y + 3}" width="${width}" height="${ROW - 6}" fill="${COLOURS[keyOf(entry)]}"/>`,
    `<text x="${rounded(x + width + 4)}" y="${y + 12}" fill="#555555">${written(durationUs)}</text></g>`,
  ].join('')
}

const rounded = (value: number): number => Math.round(value * 100) / 100
const placed = (us: number, end: number): number => rounded(BARS.left + (us / end) * BARS.width)
const written = (us: number): string => String(us < 10 ? Math.round(us * 10) / 10 : Math.round(us))

function cut(text: string): string {
  const letters = [...text]
  return letters.length <= MOST_LETTERS ? text : `${letters.slice(0, MOST_LETTERS - 1).join('')}…`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** XML has no way to write most control characters, and half a surrogate pair is none. */
const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, '\uFFFD')
    .replace(/[&<>"']/g, character => ENTITIES[character] ?? character)
