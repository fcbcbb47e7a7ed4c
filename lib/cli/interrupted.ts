import { constants } from 'node:os'

/** Ended by a signal before there was a container to give it to. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly status: number

  constructor(signal: string) {
    super(`interrupted by ${signal}`)
    this.status = statusOfSignal(signal)
  }
}

/** As shells tell it: 128 + its number. */
export function statusOfSignal(name: string): number {
  const realTime = /^SIGRTMIN\+(\d+)$/.exec(name)?.[1]
  const number = realTime === undefined ? constants.signals[name as NodeJS.Signals] : 34 + Number(realTime)
  return 128 + (number ?? 0)
}
