import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'

/**
 * How the command calls itself: `runc` if it is called by that name (a link of that name is how it takes runc's place), since
 * callers look for it in the help and the version; else `tsrun`.
 */
export const programName = (): 'runc' | 'tsrun' => (basename(process.argv[1] ?? '') === 'runc' ? 'runc' : 'tsrun')

/** Below the package's root in the sources and in what is built. */
const PACKAGE = new URL('../../package.json', import.meta.url)

/** Written here rather than imported, so that `--version` loads nothing; a test compares. */
export const SPEC_VERSION = '1.3.0'

/** The executable has it in itself, and is nowhere near a package. */
const ownVersion = (): string =>
  process.versions.tsrun ?? (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version

/**
 * The lines that engines parse. One tells which program runs it: node, or quickjs-ng for the standalone executable. The commit is known
 * if the command was built in a clone; libseccomp is there if it is installed, or in the executable.
 */
export function versionText(): string {
  const entries = [
    ['commit', process.env.TSRUN_COMMIT || 'unknown'],
    ['spec', SPEC_VERSION],
    [process.release.name, process.version],
    ['libseccomp', process.versions.libseccomp ?? libseccompVersion()],
  ]
  const known = entries.filter(([, value]) => value).map(([name, value]) => `${name}: ${value}\n`)
  return `${programName()} version ${ownVersion()}\n${known.join('')}`
}

/** Where the loader looks, on the distributions of the day. */
const LIBRARIES = ['/usr/local/lib', '/usr/lib64', '/usr/lib', '/lib64', '/lib']
const MULTIARCH = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu', riscv64: 'riscv64-linux-gnu' } as const

/** From the name of the file: to load the library would take longer than all the rest. */
function libseccompVersion(): string | undefined {
  const multiarch = MULTIARCH[process.arch as keyof typeof MULTIARCH] ?? '.'
  const files = LIBRARIES.flatMap(folder => [`${folder}/${multiarch}`, folder]).map(path => `${path}/libseccomp.so.2`)
  const file = files.find(path => existsSync(path))
  return file === undefined ? undefined : /\.so\.(2\.[0-9.]+)$/.exec(realpathSync(file))?.[1]
}
