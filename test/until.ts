import { setTimeout as sleep } from 'node:timers/promises'

/** Generous: a machine may be busy with other tests. What is never going to come about is found all the same. */
const LIMIT_MS = 30_000

/** Looks every few milliseconds. @throws {Error} if it has not come about within half a minute */
export async function until(isSo: () => boolean | Promise<boolean>, what = 'what the test waits for'): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what} did not come about within ${LIMIT_MS / 1000} seconds`)
    await sleep(5)
  }
}

/** Part of a shell script: runs the traps of up to nine signals, and ends by itself after 100 seconds. */
export const AWAIT_SIGNALS = 'sleep 100 & for i in 1 2 3 4 5 6 7 8 9; do wait; done'

/** Part of a shell script: keeps a processor busy for a minute or two, and ends by itself. */
export const STAY_BUSY = 'i=0; while [ $i -lt 100000000 ]; do i=$((i + 1)); done'
