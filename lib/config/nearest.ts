/** The known name that somebody meant who wrote an unknown one. */

/** One slip in three letters, and never more than three. */
const slipsIn = (name: string): number => Math.min(3, Math.max(1, Math.floor(name.length / 3)))

/** Null if none is near. Upper and lower case are the smallest difference that there is. */
export function nearest(name: string, known: readonly string[]): string | null {
  const same = known.find(each => each.toLowerCase() === name.toLowerCase())
  if (same !== undefined) return same
  const [best] = known
    .map(each => ({ each, slips: distance(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ slips }) => slips <= slipsIn(name))
    .sort((a, b) => a.slips - b.slips)
  return best?.each ?? null
}

/** Letters that are missing, added or wrong (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
