/** The part of node:net that lib uses. */
export { Socket } from './node-tty.js'

const BYTE = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const IPV4 = new RegExp(`^(?:${BYTE}\\.){3}${BYTE}$`)
const GROUP = /^[0-9a-f]{1,4}$/i
const GROUPS = 8

/** How many groups of 16 bits there are; null: one of them is none. An IPv4 address at the end counts as two. */
function countGroups(text: string, isLast: boolean): number | null {
  if (text === '') return 0
  const groups = text.split(':')
  const hasV4 = isLast && IPV4.test(groups.at(-1) ?? '')
  const plain = hasV4 ? groups.slice(0, -1) : groups
  return plain.every(group => GROUP.test(group)) ? plain.length + (hasV4 ? 2 : 0) : null
}

function isV6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const counts = halves.map((half, index) => countGroups(half, index === halves.length - 1))
  if (counts.includes(null)) return false
  const sum = counts.reduce<number>((total, count) => total + (count ?? 0), 0)
  return halves.length === 1 ? sum === GROUPS : sum < GROUPS
}

/** 4, 6, or 0: it is no address. */
export function isIP(text: string): number {
  if (IPV4.test(text)) return 4
  return isV6(text.replace(/%[0-9a-z.-]+$/i, '')) ? 6 : 0
}
