/**
 * The number that lib/sys and the library behind it know each other by: a hash of the declarations of native/sys. Who changes
 * one of them has other numbers on both sides only after both have been built.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const DECLARATION = /^EXPORT ([^{;]*\))/gm

/** What is declared in the C files of `folder`, each on one line, sorted. */
export function declarations(folder) {
  const files = readdirSync(folder).filter(name => name.endsWith('.c'))
  const found = files.flatMap(name => [...readFileSync(join(folder, name), 'utf8').matchAll(DECLARATION)])
  return found.map(([, declaration]) => declaration.replace(/\s+/g, ' ')).sort()
}

/** 31 bits. */
export function abiOf(folder) {
  const digest = createHash('sha256').update(declarations(folder).join('\n')).digest()
  return digest.readUInt32BE(0) >>> 1
}

export const abiModule = abi => `// Made by scripts/native.mjs, of the declarations in native/sys.
export const ABI = ${abi}
`
