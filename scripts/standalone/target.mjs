/** What an executable is made for: this machine, or one with another processor, whose compilers, libraries and emulator are then needed. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { BuildFailure, PROCESSORS, parts, root } from '../native-parts.mjs'
import { COMPILERS, compilePart } from '../prebuild.mjs'

/** The names of each processor: Debian's, and QEMU's. */
const NAMES = { x64: { debian: 'amd64', emulator: 'x86_64' }, arm64: { debian: 'arm64', emulator: 'aarch64' } }

/** The folder that scripts/standalone/get-libraries.sh fills, as flags for the compiler. */
function librariesFor({ debian }) {
  const folder = join(root, 'node_modules', '.cache', `libseccomp-${debian}`, 'usr')
  if (!existsSync(folder))
    throw new BuildFailure(
      `tsrun: no static libseccomp for another processor: run "scripts/standalone/get-libraries.sh ${debian}"`,
    )
  const [library] = readdirSync(join(folder, 'lib'))
  return ['-isystem', join(folder, 'include'), `-L${join(folder, 'lib', library)}`]
}

/** The folder with the init helper in it. */
function helperFor(processor, folder) {
  mkdirSync(folder, { recursive: true })
  const part = parts.find(({ output }) => output === 'tsrun-init')
  compilePart(processor, part, folder)
  return folder
}

/**
 * The compiler, flags for libseccomp, the folder with the helper, and what runs programs of that processor here.
 * @throws {BuildFailure} for a processor that is not known, or what is missing
 */
export function targetOf(processor, folder) {
  if (processor === process.arch) {
    const helper = join(root, 'native', 'build')
    if (!existsSync(join(helper, 'tsrun-init')))
      throw new BuildFailure(`tsrun: no ${helper}/tsrun-init: run "npm run build" first`)
    return { compiler: process.env.CC || 'cc', helper, libraries: [], runner: [] }
  }
  if (!PROCESSORS.includes(processor))
    throw new BuildFailure(
      `tsrun: --arch ${processor}: it can be ${[...new Set([process.arch, ...PROCESSORS])].join(' or ')}`,
    )
  return {
    compiler: `${COMPILERS[processor].prefix}gcc`,
    libraries: librariesFor(NAMES[processor]),
    helper: helperFor(processor, join(folder, processor)),
    runner: [`qemu-${NAMES[processor].emulator}-static`],
  }
}
