/** Names of hosts. */

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * A name as it is compared: lower case, without a dot at its end. Null for what is no name of a host; one that ends in a number is none:
 * resolvers take `127.1` and `0x7f.1` for addresses.
 */
export function canonicalName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  const isNumber = /^([0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')
  return name.length <= 253 && labels.every(label => LABEL.test(label)) && !isNumber ? name : null
}

export interface NamePattern {
  /** Takes a canonical name. */
  matches(name: string): boolean
}

/** `name`, `*.name` for all below it, `*` for any; null for anything else. */
export function parsePattern(text: string): NamePattern | null {
  if (text === '*') return { matches: () => true }
  const isWide = text.startsWith('*.')
  const name = canonicalName(isWide ? text.slice(2) : text)
  if (name === null || text.endsWith('.')) return null
  return { matches: isWide ? other => other.endsWith(`.${name}`) : other => other === name }
}
