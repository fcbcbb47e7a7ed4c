/** What this process has executed in containers that have no namespace to end with: delete waits for it. */
import type { Cgroup } from '../cgroup/index.js'
import type { Child } from '../launch/child.js'
import type { ContainerRecord } from '../store/container-record.js'

const SIGCONT = 18

const living = new Map<string, Set<Child>>()
const guards = new WeakSet<Child>()

type Key = Pick<ContainerRecord, 'id' | 'pid' | 'startTime'>
const keyOf = ({ id, pid, startTime }: Key): string => `${id} ${pid} ${startTime}`

/** Whether it is a guard, which ends all that its program has started as soon as that has ended: killed itself it would leave them. */
export const isGuard = (child: Child): boolean => guards.has(child)

/** One that has been stopped looks after nobody. False: it has ended. */
export const wakeGuard = (guard: Child): boolean => guard.signal(SIGCONT)

export function noteGuarded(record: Key, child: Child): void {
  guards.add(child)
  const key = keyOf(record)
  const children = living.get(key) ?? new Set()
  living.set(key, children.add(child))
  const forget = (): void => {
    children.delete(child)
    if (children.size === 0) living.delete(key)
  }
  void child.exited.then(forget, forget)
}

/**
 * Resolves when all of it has ended: each does so when the first process of its container has, unless it is frozen. The event loop is not
 * kept alive for that. null: there is none.
 */
export function guardedGone(record: Key, cgroup: Cgroup): Promise<void> | null {
  const children = living.get(keyOf(record))
  return children === undefined ? null : allGone([...children], cgroup)
}

async function allGone(children: readonly Child[], cgroup: Cgroup): Promise<void> {
  if (!cgroup.isNone) await cgroup.kill()
  for (const child of children) wakeGuard(child)
  await Promise.all(children.map(child => child.exited))
}
