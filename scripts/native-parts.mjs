/** What is compiled of native/: for this machine (native.mjs), and for others, into the package (prebuild.mjs). */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Each folder of native/ that becomes one file: the library behind lib/sys, the helper, what writes the layers of images. */
export const parts = [
  { folder: 'sys', output: 'libtsrun.so' },
  { folder: 'init', output: 'tsrun-init' },
  // It makes the same system calls, and has no libc either.
  {
    folder: 'layer',
    output: 'tsrun-layer',
    shared: ['call.h', 'entry.h', 'memory.c', 'memory.h', 'sys.c', 'sys.h', 'sys_copy.c'],
  },
]

/** The processors that the package carries compiled parts for, as Node names them. */
export const PROCESSORS = ['x64', 'arm64']

/** Where the package has them; lib/sys/native-directory.ts looks there. */
export const prebuiltFolder = (processor = process.arch) => join(root, 'prebuilds', `linux-${processor}`)

/** An installed package has no sources in TypeScript. */
export const installed = !existsSync(join(root, 'lib'))

/** Whether the package came with what would be compiled. In a clone the sources decide, not what was packed of them. */
export const isPrebuilt = () => installed && parts.every(({ output }) => existsSync(join(prebuiltFolder(), output)))

export const HOW_TO_COMPILE = `  Debian, Ubuntu:  apt-get install g++ make python3
  Fedora, RHEL:    dnf install gcc-c++ make python3
  Alpine:          apk add build-base linux-headers python3
Then run:          npm rebuild   (in a clone of tsrun: npm run build)`

export class BuildFailure extends Error {}

/** Of one of `parts`; what it shares is of native/init. */
export function sourcesOf({ folder, shared = [] }) {
  const path = join(root, 'native', folder)
  if (!existsSync(path)) return []
  const own = readdirSync(path)
    .filter(name => /\.[chS]$/.test(name) || name === 'flags.txt')
    .sort()
    .map(name => join(path, name))
  return [...own, ...shared.map(name => join(root, 'native', 'init', name))]
}

export const unitsOf = sources => sources.filter(path => /\.[cS]$/.test(path))

/** One flag per line; empty lines and lines that start with # are left out. */
export function flagsOf(sources) {
  const file = sources.find(path => path.endsWith('/flags.txt'))
  if (file === undefined) throw new BuildFailure(`tsrun: ${relative(root, dirname(sources[0]))}/flags.txt is missing`)
  return readFileSync(file, 'utf8')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
}
