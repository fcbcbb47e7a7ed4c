const NARROWEST = 12
const GAP = 3

/** Columns as wide as their longest cell and a gap, but 12 at least; nothing follows the last cell of a line. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(NARROWEST, ...all.map(row => widthOf(row[column]) + GAP)))
  const last = header.length - 1
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === last ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell))))
      .join('')
  return all.map(row => `${line(row)}\n`).join('')
}

/** In characters, not in UTF-16 units. */
const widthOf = (cell = ''): number => [...cell].length
