/** Children, and what comes of them, as procfs lists them. */
import { readdirSync } from 'node:fs'
import { viaNode } from './errno.js'
import { readTextIfThere } from './file.js'

/** What it calls itself (PR_SET_NAME); null: there is no such process. */
export function processName(pid: number): string | null {
  return readTextIfThere(`/proc/${pid}/comm`)?.trimEnd() ?? null
}

/** The children of the calling thread, zombies too; empty if the kernel does not list them (CONFIG_PROC_CHILDREN). */
export function ownChildren(): number[] {
  const children = readTextIfThere('/proc/thread-self/children') ?? ''
  return children.split(' ').map(Number).filter(Boolean)
}

/** The living descendants of a process, parents before their children; zombies are left out. */
export function descendantsOf(pid: number): number[] {
  const children = livingByParent()
  const found: number[] = [pid]
  for (const parent of found) found.push(...(children.get(parent) ?? []))
  return found.slice(1)
}

function livingByParent(): ReadonlyMap<number, readonly number[]> {
  const children = new Map<number, number[]>()
  for (const name of viaNode(() => readdirSync('/proc'))) {
    const parent = /^[0-9]+$/.test(name) ? parentOf(name) : null
    if (parent === null) continue
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [Number(name)])
    else siblings.push(Number(name))
  }
  return children
}

/** null: gone, or a zombie. */
function parentOf(pid: string): number | null {
  const stat = readTextIfThere(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The command in parentheses may hold anything, so fields count from the last one.
  const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2)
  return state === 'Z' || state === 'X' || parent === '' ? null : Number(parent)
}
