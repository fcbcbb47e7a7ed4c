import { readFileSync, statSync } from 'node:fs'
import { utcText } from '../../for-command.js'
import type { Container, OciState } from '../../index.js'
import type { Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'show the state of a container as JSON',
  usage: 'ID',
  flags: [],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: async ({ args: [id = ''], globals }) => {
    const container = await runtimeOf(globals).get(id)
    print(JSON.stringify(await fullState(container, ''), null, 2))
    return 0
  },
}

export interface FullState extends OciState {
  /** 0 if there is no process. */
  readonly pid: number
  readonly rootfs: string
  /** ISO 8601, UTC. */
  readonly created: string
  readonly owner: string
}

/** Fields in the order of the output; without annotations if there are none. */
export async function fullState(container: Container, owner: string): Promise<FullState> {
  const { ociVersion, id, pid = 0, status, bundle, annotations = {} } = await container.state()
  const shown = Object.keys(annotations).length === 0 ? {} : { annotations }
  const created = utcText(container.created)
  return { ociVersion, id, pid, status, bundle, rootfs: container.rootfs, created, ...shown, owner }
}

/** The name of the user that owns the state directory of a container, or `#` and the uid if it has none. */
export function userOf(root: string, id: string): string {
  const { uid } = statSync(`${root}/${id}`)
  return userName(uid) ?? `#${uid}`
}

const names = new Map<number, string | undefined>()

function userName(uid: number): string | undefined {
  if (!names.has(uid)) names.set(uid, lookUp(uid))
  return names.get(uid)
}

/** From the file only: asking name services would take longer than everything else here. */
function lookUp(uid: number): string | undefined {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    return lines.map(line => line.split(':')).find(([, , number]) => number === String(uid))?.[0]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
