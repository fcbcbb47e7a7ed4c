/** Bundles for a user without privileges, and the built command as that user runs it. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { createRuntime, exampleConfig } from '../lib/index.js'
import { leftovers, makeRootfs, type TestConfig } from './bundle.js'
import { execute, FORM, FORMS, type Outcome } from './command.js'

/** `nobody`: newuidmap wants a user that has a name. */
export const USER = 65534

export interface Surroundings {
  /** Shell commands that root runs in the mount namespace that the command is run in. */
  readonly before?: string
  /** Shell commands that root runs there afterwards. */
  readonly after?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface RootlessBundle {
  readonly directory: string
  readonly bundle: string
  readonly rootfs: string
  /** The state directory that is the default for this user. */
  readonly state: string
  readonly prefix: string
  /** The words that the user calls the command by. */
  readonly command: string
  /** Writes config.json: a user namespace that maps root to the user alone, and what `change` does to it. */
  configure(command: string, change?: (config: TestConfig) => void): void
  tsrun(args: readonly string[], surroundings?: Surroundings): Outcome
  /** tsrun run of this command. */
  sh(command: string, change?: (config: TestConfig) => void, surroundings?: Surroundings): Outcome
  /** Shell commands of the user's, in which "tsrun" is the command. */
  script(text: string, surroundings?: Surroundings): Outcome
}

let count = 0

/** Everything belongs to the user, is removed when the test ends, and is checked to be gone. */
export function makeRootlessBundle(t: Test): RootlessBundle {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-rootless-'))
  const prefix = `tsrun-rootless-${process.pid}-${count++}`
  const [bundle, state] = [join(directory, 'bundle'), join(directory, 'run/tsrun')]
  const rootfs = join(bundle, 'rootfs')
  for (const path of [bundle, join(directory, 'run'), join(directory, 'code')]) mkdirSync(path)
  makeRootfs(rootfs)
  writeFileSync(join(directory, 'node'), '')
  giveAway(directory)
  t.teardown(() => clear({ directory, state, prefix }))
  const configure: RootlessBundle['configure'] = (command, change = () => {}) => {
    const config = exampleConfig({
      args: ['/bin/sh', '-c', command],
      terminal: false,
      rootless: { uid: USER, gid: USER },
      seccomp: false,
    }) as TestConfig
    change(config)
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
  }
  const script: RootlessBundle['script'] = (text, surroundings) => asUser({ directory, bundle, text, ...surroundings })
  const tsrun: RootlessBundle['tsrun'] = (args, surroundings) =>
    script(['tsrun', ...args].map(quoted).join(' '), surroundings)
  const sh: RootlessBundle['sh'] = (command, change, surroundings) => {
    configure(command, change)
    return tsrun(['run', prefix], surroundings)
  }
  return { directory, bundle, rootfs, state, prefix, command: commandOf(directory), configure, tsrun, sh, script }
}

/** Where `asUser` mounts it. */
const commandOf = (directory: string): string =>
  FORM === 'node' ? `${directory}/node ${directory}/code/${FORMS.node}` : `${directory}/code/${FORMS.standalone}`

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

function giveAway(path: string): void {
  chownSync(path, USER, USER)
  chmodSync(path, 0o755)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) giveAway(join(path, entry.name))
    else if (entry.isFile()) chownSync(join(path, entry.name), USER, USER)
  }
}

interface Script extends Surroundings {
  readonly directory: string
  readonly bundle: string
  readonly text: string
}

/** The user may not be able to go where the checkout and Node are, so they are mounted where it may. */
function asUser({ directory, bundle, text, before = ':', after = ':', env = {} }: Script): Outcome {
  const [node, code] = [join(directory, 'node'), join(directory, 'code')]
  const setup = `mount --bind ${resolve('.')} ${code} && mount --bind ${process.execPath} ${node}`
  const variables = { PATH: process.env.PATH ?? '', XDG_RUNTIME_DIR: join(directory, 'run'), ...env }
  // Not by the environment of this process: tap would have its own say there.
  const clean = Object.entries(variables).map(([name, value]) => quoted(`${name}=${value}`))
  const user = `setpriv --reuid=${USER} --regid=${USER} --clear-groups env -i ${clean.join(' ')} /bin/sh -c "$0"`
  const tsrun = `tsrun() { ${commandOf(directory)} "$@"; }`
  const around = `set -e; ${setup}; ${before}; set +e; ${user}; status=$?; ${after}; exit $status`
  return execute('unshare', ['-m', 'sh', '-c', around, `${tsrun}; ${text}`], { cwd: bundle })
}

async function clear({ directory, state, prefix }: { directory: string; state: string; prefix: string }) {
  const runtime = createRuntime({ root: state })
  for (const container of await runtime.list()) await container.delete({ force: true })
  rmSync(directory, { recursive: true, force: true })
  const left = leftovers(prefix)
  if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
}
