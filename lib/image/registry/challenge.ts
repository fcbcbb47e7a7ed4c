/** What a registry asks for in WWW-Authenticate (RFC 9110, 11.6.1). */

export interface Challenge {
  readonly scheme: 'basic' | 'bearer'
  readonly parameters: ReadonlyMap<string, string>
}

const PART = /\s*(?:,\s*)*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:(\s*=\s*)(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y
const LONGEST = 8192

/** All challenges of the header that are understood, in their order. */
export function readChallenges(header: string): readonly Challenge[] {
  const found: { readonly scheme: string; readonly parameters: Map<string, string> }[] = []
  PART.lastIndex = 0
  for (const text = header.slice(0, LONGEST); PART.lastIndex < text.length; ) {
    const match = PART.exec(text)
    if (match === null) break
    const [, name = '', isParameter, quoted, plain = ''] = match
    if (isParameter === undefined) found.push({ scheme: name.toLowerCase(), parameters: new Map() })
    else found.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain)
  }
  return found.flatMap(({ scheme, parameters }) =>
    scheme === 'basic' || scheme === 'bearer' ? [{ scheme, parameters }] : [],
  )
}
