/** What this process has executed in containers that have no namespace to end with: delete waits for it. */
import type { Cgroup } from '../cgroup/index.js'
import type { Child } from '../launch/child.js'
import type { ContainerRecord } from '../store/container-record.js'

const living = new Map<string, Set<Child>>()

type Key = Pick<ContainerRecord, 'id' | 'pid' | 'startTime'>
const keyOf = ({ id, pid, startTime }: Key): string => `${id} ${pid} ${startTime}`

export function noteGuarded(record: Key, child: Child): void {
  const key = keyOf(record)
  const children = living.get(key) ?? new Set()
  living.set(key, children.add(child))
  void child.exited.then(() => {
    children.delete(child)
    if (children.size === 0) living.delete(key)
  })
}

/** Resolves when all of it has ended: each does so when the first process of its container has, unless it is frozen. */
export async function guardedGone(record: Key, cgroup: Cgroup): Promise<void> {
  const children = living.get(keyOf(record))
  if (children === undefined) return
  if (!cgroup.isNone) await cgroup.kill()
  await Promise.all([...children].map(child => child.wait()))
}
