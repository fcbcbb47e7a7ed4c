import { basename } from 'node:path'

/**
 * How the command calls itself: `runc` if it is called by that name (a link of that name is how it takes runc's place), since
 * callers look for it in the help and the version; else `tsrun`.
 */
export const programName = (): 'runc' | 'tsrun' => (basename(process.argv[1] ?? '') === 'runc' ? 'runc' : 'tsrun')
