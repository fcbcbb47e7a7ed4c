import { createRequire } from 'node:module'

/**
 * Loads a module of Node when it is needed: for those that take a millisecond or more, and that few calls need.
 * (A dynamic import would make the callers asynchronous.) Only those of Node: they are found from anywhere, and a bundle in CommonJS
 * can't tell where it is.
 */
export const builtin = createRequire('file:///')
