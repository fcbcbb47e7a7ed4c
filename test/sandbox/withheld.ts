/** Machines on which a user without privileges may not do what a sandbox is made of. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileProgram } from '../compile-program.js'

const LIMIT = 'echo 0 > /proc/sys/user/max_user_namespaces'

/** Without user namespaces, by the sysctl: in a namespace that forbids more of them. `command` has no quotes. */
export const bySysctl = (command: string): string =>
  `unshare -U --map-user=65534 --map-group=65534 --keep-caps sh -c '${LIMIT}; exec setpriv --ambient-caps=-all --inh-caps=-all ${command}'`

/** What is over a part of /proc lets nobody mount another procfs in a user namespace: for root to run before. */
export const COVERED_PROCFS = 'mount -t tmpfs none /proc/fs'

/** The command in front of which a program is put, so that it lacks what test/sandbox/withhold.c says. */
export function makeWithholder(directory: string): string {
  const path = join(directory, 'withhold')
  compileProgram(readFileSync('test/sandbox/withhold.c', 'utf8'), path)
  return path
}
