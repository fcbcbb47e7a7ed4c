/**
 * What the command has of tsrun/image, loaded when a command asks for it. It is in one of the two programs that the command is bundled
 * into (scripts/bundle.mjs, entry.ts): those that engines call do not read it.
 */
export { openImages, runtimeConfig } from '../image/index.js'
