/** The parts of node:module and node:url that lib uses: modules that are found by their name at run time. */
import * as crypto from './node-crypto.js'
import * as tty from './node-tty.js'

type Found = object
const MODULES: Readonly<Record<string, () => Found>> = {
  'node:net': () => tty,
  'node:tty': () => tty,
  'node:crypto': () => crypto,
  // Reads the environment when it is loaded.
  debug: () => require('debug') as Found,
}

declare const require: (name: 'debug') => unknown

export const createRequire =
  (_from: string) =>
  (name: string): Found => {
    const load = MODULES[name]
    if (load === undefined) throw new Error(`Cannot find module '${name}'`)
    return load()
  }

export const fileURLToPath = ({ pathname }: { readonly pathname: string }): string => pathname
