import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Cgroup, openCgroup } from '../../lib/cgroup/index.js'
import type { Resources } from '../../lib/config/config.js'
import { readCgroupFacts } from '../../lib/host/probe-cgroup.js'
import { until } from '../until.js'

export const facts = readCgroupFacts()

/** The parent of all cgroups of this test process. */
export const PARENT = `tsrun-test-${process.pid}`

let count = 0

/** A cgroup of its own for each test; whatever is left of it is killed and removed afterwards. */
export function testCgroup(t: Test, path = `/${PARENT}/${++count}`): Cgroup {
  t.teardown(removeParent)
  return openCgroup({ facts, path, id: `test-${process.pid}-${count}` })
}

/** As `update` does, for one that systemd does not know: then only `asked` counts. */
export const change = (cgroup: Cgroup, asked: Resources): Promise<void> =>
  cgroup.change({ asked, before: asked, after: asked, keepsDevices: false })

export const mountpointOf = (controller: string): string => {
  const hierarchy = facts.hierarchies.find(({ controllers, version }) =>
    controller === 'unified' ? version === 2 : version === 1 && controllers.includes(controller),
  )
  if (hierarchy === undefined) throw new Error(`no hierarchy for ${controller}`)
  return hierarchy.mountpoint
}

/** The directories that the cgroup has, one in each hierarchy. */
export const directoriesOf = (cgroup: Cgroup): string[] => facts.hierarchies.map((_, index) => cgroup.pathIn(index))

/** The text of one of its files, found by the controller. */
export function fileOf(cgroup: Cgroup, controller: string, file: string): string {
  const mountpoint = mountpointOf(controller)
  const directory = directoriesOf(cgroup).find(path => path.startsWith(`${mountpoint}/`))
  return readFileSync(join(directory ?? '', file), 'utf8').trim()
}

export function directoryIn(cgroup: Cgroup, controller: string): string {
  const index = facts.hierarchies.findIndex(({ mountpoint }) => mountpoint === mountpointOf(controller))
  return cgroup.pathIn(index)
}

const joinFile = (directory: string) =>
  existsSync(`${directory}/tasks`) ? `${directory}/tasks` : `${directory}/cgroup.procs`

/** Its path as a configuration would name it. */
export function pathOf(cgroup: Cgroup): string {
  const [hierarchy] = facts.hierarchies
  return cgroup.pathIn(0).slice(hierarchy?.mountpoint.length)
}

export interface Member {
  readonly pid: number
  /** Resolves with the exit status: a code, or the signal's name. */
  readonly ended: Promise<number | string>
  readonly output: Promise<string>
}

/** Runs a shell script as a member of the cgroups in these directories. */
export function runIn(t: Test, directories: readonly string[], script: string): Member {
  const joining = directories.map(directory => `echo 0 > '${joinFile(directory)}'`).join(' && ')
  const child = spawn('/bin/sh', ['-c', `${joining} && echo in && ${script}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  const ended = new Promise<number | string>(resolve =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1)),
  )
  return { pid: child.pid ?? 0, ended, output: ended.then(() => text.replace(/^in\n/, '')) }
}

/** A process in the cgroup that does nothing for long. */
export async function sleeperIn(t: Test, directories: readonly string[]): Promise<Member> {
  const member = runIn(t, directories, 'exec sleep 300')
  for (const directory of directories) await until(() => pidsIn(directory).includes(member.pid))
  return member
}

export const pidsIn = (directory: string): number[] =>
  readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number)

export { until }

/** What the host did not hand down before the tests is not handed down after them; to be passed to `t.after`. */
export function keepSubtreeControl(root: string): () => void {
  const names = () => readFileSync(`${root}/cgroup.subtree_control`, 'utf8').trim().split(' ')
  const before = names()
  return () => {
    const added = names().filter(name => name !== '' && !before.includes(name))
    if (added.length > 0) writeFileSync(`${root}/cgroup.subtree_control`, added.map(name => `-${name}`).join(' '))
  }
}

async function removeParent(): Promise<void> {
  for (const { mountpoint } of facts.hierarchies) await removeTree(join(mountpoint, PARENT))
}

async function removeTree(directory: string): Promise<void> {
  if (!existsSync(directory)) return
  if (existsSync(`${directory}/freezer.state`)) writeFileSync(`${directory}/freezer.state`, 'THAWED')
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  }
  // One in threaded mode can't be read, and none of ours has a process then.
  if (existsSync(`${directory}/cgroup.type`) && readFileSync(`${directory}/cgroup.type`, 'utf8') !== 'domain\n') {
    return rmdirSync(directory)
  }
  for (const pid of pidsIn(directory)) process.kill(pid, 'SIGKILL')
  await until(() => pidsIn(directory).length === 0)
  rmdirSync(directory)
}
