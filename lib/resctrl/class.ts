/** The container's class of service: cache and memory bandwidth (config-linux.md#intelrdt). */

import type { IntelRdt } from '../config/config.js'
import { HostError, LaunchError, StateError } from '../errors.js'
import { attempt } from '../host/attempt.js'
import {
  type ClassRecord,
  differingLine,
  findResctrl,
  joinClass,
  lastRefusal,
  makeClass,
  openResctrl,
  type ResctrlTree,
  removeClass,
  writeShares,
} from './filesystem.js'

const POINTER = '/linux/intelRdt'

/** How the file system is found and opened; a test has its own. */
export interface ResctrlSource {
  readonly find: () => string | null
  readonly open: (root: string) => ResctrlTree
}

const KERNEL: ResctrlSource = { find: findResctrl, open: openResctrl }

interface Wanted {
  readonly rdt: IntelRdt
  readonly id: string
  readonly source?: ResctrlSource
}

/**
 * Finds out what is to be made, and makes nothing.
 * @throws {HostError} ERR_HOST_KERNEL without a mounted resctrl file system
 * @throws {LaunchError} ERR_LAUNCH_OP if a class is there and should not be, is not and should be, or has other shares
 */
export function planClass({ rdt, id, source = KERNEL }: Wanted): ClassRecord {
  const root = source.find()
  if (root === null) throw noResctrl()
  const directory = rdt.class ?? id
  return within(source, root, tree => {
    const isThere = tree.has(directory)
    checkClass({ tree, rdt, directory, isThere })
    const group = rdt.monitors ? `${directory}/mon_groups/${id}` : null
    const before = isThere && rdt.last.length > 0 ? tree.read(`${directory}/schemata`) : null
    return { root, class: directory, madeClass: !isThere, isNamed: rdt.class !== null, before, group }
  })
}

function noResctrl(): HostError {
  return new HostError('ERR_HOST_KERNEL', {
    needs: `a mounted resctrl file system (${POINTER})`,
    found: 'none',
    remedy: 'on a processor with Intel RDT or AMD QoS, mount -t resctrl resctrl /sys/fs/resctrl; else remove the field',
  })
}

interface Checked {
  readonly tree: ResctrlTree
  readonly rdt: IntelRdt
  readonly directory: string
  readonly isThere: boolean
}

function checkClass({ tree, rdt, directory, isThere }: Checked): void {
  const name = nameOf(directory)
  if (rdt.class === null) {
    if (isThere) throw refused(POINTER, `there is a class ${name} already, which is named as the container`, 'EEXIST')
    return
  }
  const asksForShares = rdt.first.length + rdt.last.length > 0
  if (!isThere && !asksForShares) {
    throw refused(`${POINTER}/closID`, `there is no class ${name}, and no schemata to make it with`, 'ENOENT')
  }
  const other = isThere ? differingLine(tree, directory, rdt.first) : null
  if (other === null) return
  throw refused(
    `${POINTER}/closID`,
    `the class ${name} exists, and is not as asked for: ${JSON.stringify(other)}`,
    'EEXIST',
  )
}

/** As the configuration has it. */
const nameOf = (directory: string): string => JSON.stringify(directory === '.' ? '/' : directory)

function refused(configPath: string, what: string, errno: string): LaunchError {
  const fields = { configPath, op: '', phase: 'SPAWN', syscall: '', errno, signal: null }
  return new LaunchError('ERR_LAUNCH_OP', `${configPath}: ${what}`, fields)
}

/** Makes what was planned; what it made before it failed is removed. @throws {LaunchError} ERR_LAUNCH_OP */
export function createClass(record: ClassRecord, rdt: IntelRdt, source = KERNEL): void {
  within(source, record.root, tree => {
    try {
      naming({ tree, what: record.class }, () => makeClass(tree, record, rdt))
    } catch (error) {
      restore(tree, record)
      throw error
    }
  })
}

/** @throws {LaunchError} ERR_LAUNCH_OP */
export function enterClass(record: ClassRecord, pid: number, source = KERNEL): void {
  within(source, record.root, tree => naming({ tree, what: record.class }, () => joinClass(tree, record, pid)))
}

/** What a container's record says of its class. */
export interface Recorded {
  readonly id: string
  readonly rdt?: unknown
}

/**
 * Gives the class of a container other shares; everybody in the class has them then.
 * @throws {HostError} ERR_HOST_KERNEL without a mounted resctrl file system
 * @throws {StateError} ERR_STATE_STATUS if the container was created without `linux.intelRdt`
 * @throws {LaunchError} ERR_LAUNCH_OP for what the kernel refuses
 */
export function changeClass(container: Recorded, lines: readonly string[], source = KERNEL): void {
  if (source.find() === null) throw noResctrl()
  const record = recordedClass(container)
  if (record === null) throw withoutClass(container.id)
  within(source, record.root, tree =>
    naming({ tree, what: record.class }, () => writeShares(tree, record.class, lines)),
  )
}

const withoutClass = (id: string): StateError =>
  new StateError('ERR_STATE_STATUS', `container "${id}" has no class of service: it was created without ${POINTER}`, {
    id,
  })

/** What a record has of it. @throws {StateError} ERR_STATE_CORRUPT for anything that create would not write */
export function recordedClass({ id, rdt }: Recorded): ClassRecord | null {
  if (rdt === null || rdt === undefined) return null
  const { root, class: directory, madeClass, group } = rdt as Record<string, unknown>
  const isPath = (value: unknown): boolean => typeof value === 'string' && value !== ''
  const isSound =
    isPath(root) && isPath(directory) && typeof madeClass === 'boolean' && (group === null || isPath(group))
  if (!isSound) throw new StateError('ERR_STATE_CORRUPT', `the state of container "${id}" cannot be read`, { id })
  return rdt as ClassRecord
}

/** What delete removes of that what create made; fine where it is gone, with all of the file system too. */
export function destroyClass(record: ClassRecord, source = KERNEL): void {
  undoClass({ ...record, madeClass: record.madeClass && !record.isNamed, before: null }, source)
}

/** Removes all that a create made that has failed; fine where it is gone. */
export function undoClass(record: ClassRecord, source = KERNEL): void {
  if (source.find() !== record.root) return
  within(source, record.root, tree => restore(tree, record))
}

function restore(tree: ResctrlTree, record: ClassRecord): void {
  if (record.before) tree.write(`${record.class}/schemata`, record.before)
  removeClass(tree, record)
}

function naming<T>({ tree, what }: { tree: ResctrlTree; what: string }, act: () => T): T {
  return attempt({ origin: POINTER, what: nameOf(what), phase: 'SPAWN', advice: () => lastRefusal(tree) }, act)
}

function within<T>(source: ResctrlSource, root: string, use: (tree: ResctrlTree) => T): T {
  const tree = source.open(root)
  try {
    return use(tree)
  } finally {
    tree.close()
  }
}
