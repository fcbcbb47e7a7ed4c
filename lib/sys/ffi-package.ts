import { createRequire } from 'node:module'

/** Loads the package. The command has it in its own file, so its build replaces this one (scripts/bundle.mjs). */
export const loadFfi = (): unknown => createRequire(import.meta.url)('ffi-napi')
