import { readFileSync } from 'node:fs'

/** Below the package's root in the sources and in what is built. */
const PACKAGE = new URL('../../package.json', import.meta.url)

/** Written here rather than imported, so that `--version` loads nothing; a test compares. */
export const SPEC_VERSION = '1.3.0'

export const ownVersion = (): string => (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version

/** The lines that engines parse. The commit is there where whoever built the command knew it. */
export function versionText(): string {
  const commit = process.env.TSRUN_COMMIT
  const lines = [`tsrun version ${ownVersion()}`, ...(commit ? [`commit: ${commit}`] : [])]
  return [...lines, `spec: ${SPEC_VERSION}`, `node: ${process.version}`].map(line => `${line}\n`).join('')
}
