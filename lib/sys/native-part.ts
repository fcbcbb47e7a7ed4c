/** The files that are compiled from native. The standalone executable has both in it, so its build replaces this module. */
import { existsSync, readFileSync } from 'node:fs'
import { HostError } from '../errors.js'
import { viaNode } from './errno.js'
import { NATIVE_REMEDY, nativeDirectory } from './native-directory.js'

/**
 * The path of `libtsrun.so`, `tsrun-init` or `tsrun-layer`.
 * @throws {HostError} ERR_HOST_INSTALL if it is not there
 */
export function nativePart(name: 'libtsrun.so' | 'tsrun-init' | 'tsrun-layer'): string {
  const directory = nativeDirectory()
  const path = directory === null ? `path to ${name}` : `${directory}/${name}`
  if (directory !== null && existsSync(path)) return path
  throw new HostError('ERR_HOST_INSTALL', {
    needs: 'the native library of tsrun',
    found: `no ${path}`,
    remedy: `the package has it for x64 and arm64, and for others its install script compiles it: run \`npm rebuild tsrun\` (npm may ask you to allow the script: \`npm install-scripts approve tsrun\`); ${NATIVE_REMEDY}`,
  })
}

/** A program that we run: its bytes. */
export const partBytes = (name: 'tsrun-init' | 'tsrun-layer'): Uint8Array =>
  viaNode(() => readFileSync(nativePart(name)))
