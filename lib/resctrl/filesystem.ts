/**
 * Classes of service of the resctrl file system (Intel RDT, AMD QoS; config-linux.md#intelrdt). A class is a directory:
 * its `schemata` are its shares of caches and memory bandwidth, its `tasks` the processes that have them.
 */
import {
  closeFd,
  isThereBeneath,
  mkdirBeneath,
  openDirectory,
  readBeneath,
  rmdirBeneath,
  writeBeneath,
} from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { readText } from '../sys/file.js'

/** Files and directories below the mount point; links and other mounts are not followed. */
export interface ResctrlTree {
  has(path: string): boolean
  read(path: string): string
  write(path: string, text: string): void
  /** The kernel fills a new directory with its files. */
  make(path: string): void
  /** And removes them with it. */
  remove(path: string): void
  close(): void
}

/** Where the file system is mounted; null if it is not. */
export function findResctrl(mountinfo = readText('/proc/self/mountinfo')): string | null {
  const line = mountinfo.split('\n').find(line => line.includes(' - resctrl '))
  return (
    line?.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_all, code) => String.fromCharCode(Number.parseInt(code, 8))) ?? null
  )
}

export function openResctrl(root: string): ResctrlTree {
  const fd = openDirectory(root)
  return {
    has: path => isThereBeneath(fd, path),
    read: path => readBeneath(fd, path),
    write: (path, text) => writeBeneath(fd, path, text),
    make: path => void mkdirBeneath(fd, path, 0o755),
    remove: path => rmdirBeneath(fd, path),
    close: () => closeFd(fd),
  }
}

/** What a container has in the tree; kept with its state, so that `removeClass` removes what was made and nothing else. */
export interface ClassRecord {
  readonly root: string
  /** Relative to the root. */
  readonly class: string
  readonly madeClass: boolean
  /** The class was asked for by its name: once made it is there for others too, and stays when the container is deleted. */
  readonly isNamed: boolean
  /** What the schemata of an existing class have been, if they are changed; null: they are not. */
  readonly before: string | null
  /** The group that is monitored, relative to the root; null if none is. */
  readonly group: string | null
}

/** What the class is to have: `first` is written at once, then `last`. */
export interface Shares {
  readonly first: readonly string[]
  readonly last: readonly string[]
}

/** Makes what the record says is to be made, and gives the class its shares; what is there already only the last ones. */
export function makeClass(tree: ResctrlTree, record: ClassRecord, { first, last }: Shares): void {
  const { class: directory, madeClass, group } = record
  if (madeClass) tree.make(directory)
  // An existing class has the first ones already, or there would have been an error.
  for (const lines of madeClass ? [first, last] : [last]) writeShares(tree, directory, lines)
  if (group !== null) tree.make(group)
}

/** What the lines do not name stays as it is. */
export function writeShares(tree: ResctrlTree, directory: string, lines: readonly string[]): void {
  if (lines.length > 0) tree.write(`${directory}/schemata`, lines.map(line => `${line}\n`).join(''))
}

/** A monitored group takes the tasks of its own class only, so the class comes first. */
export function joinClass(tree: ResctrlTree, { class: directory, group }: ClassRecord, pid: number): void {
  tree.write(`${directory}/tasks`, `${pid}\n`)
  if (group !== null) tree.write(`${group}/tasks`, `${pid}\n`)
}

/** Fine where it is gone. */
export function removeClass(tree: ResctrlTree, { class: directory, madeClass, group }: ClassRecord): void {
  const gone = [...(group === null ? [] : [group]), ...(madeClass ? [directory] : [])]
  for (const path of gone) {
    try {
      tree.remove(path)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
}

/** The first of these lines that an existing class does not have like that; null if it has them all. */
export function differingLine(tree: ResctrlTree, directory: string, lines: readonly string[]): string | null {
  const there = sharesOf(tree.read(`${directory}/schemata`).split('\n'))
  for (const line of lines) {
    for (const [key, value] of sharesOf([line])) if (there.get(key) !== value) return line
  }
  return null
}

/** `L3:0=0f;1=f` as `L3:0` -> `f`, `L3:1` -> `f`; the kernel pads what it writes. */
function sharesOf(lines: readonly string[]): Map<string, string> {
  const shares = new Map<string, string>()
  for (const line of lines) {
    const [resource = '', domains] = line.split(':')
    for (const domain of domains?.split(';') ?? []) {
      const [id = '', value = ''] = domain.split('=')
      const bare = value
        .trim()
        .toLowerCase()
        .replace(/^0+(?=.)/, '')
      shares.set(`${resource.trim()}:${id.trim()}`, bare)
    }
  }
  return shares
}

/** What the kernel says of the last thing that it refused; "" if it does not. */
export function lastRefusal(tree: ResctrlTree): string {
  const status = tree.has('info/last_cmd_status') ? tree.read('info/last_cmd_status').trim() : ''
  return status === 'ok' ? '' : status
}
