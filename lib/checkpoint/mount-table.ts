/** /proc/PID/mountinfo (proc_pid_mountinfo(5)). */

export interface MountEntry {
  /** `major:minor` of the file system. */
  readonly device: string
  /** The directory of the file system that is mounted. */
  readonly root: string
  readonly path: string
  readonly type: string
}

/** In the order in which they were mounted. */
export function parseMountTable(text: string): MountEntry[] {
  return text.split('\n').flatMap(line => {
    const [, , device, root, path, ...rest] = line.split(' ')
    const type = rest[rest.indexOf('-') + 1]
    if (device === undefined || root === undefined || path === undefined || type === undefined) return []
    return [{ device, root: unescaped(root), path: unescaped(path), type }]
  })
}

/** The kernel writes space, tab, line feed and backslash as three octal digits. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** Whether `path` is `parent`, or in it at any depth. */
export const isAtOrIn = (path: string, parent: string): boolean =>
  path === parent || path.startsWith(parent === '/' ? '/' : `${parent}/`)
