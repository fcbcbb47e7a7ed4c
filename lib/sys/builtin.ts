import { createRequire } from 'node:module'

/**
 * Loads a module of Node when it is needed: for those that take a millisecond or more, and that few calls need.
 * (A dynamic import would make the callers asynchronous.)
 */
export const builtin = createRequire(import.meta.url)
