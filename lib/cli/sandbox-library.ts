/** What the command has of tsrun/sandbox, loaded when a command asks for it: in the whole program only, as image-library.ts. */
export { doctor, Sandbox } from '../sandbox/index.js'
