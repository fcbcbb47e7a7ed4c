/** A program that begins only when the command that starts it has ended. */
import type { Context } from '../launch/context.js'
import { holdAtExec } from '../sys/processes.js'

/** `pid`: the process that is about to execute it. If that may not be held, the log says so. */
export function holdProgram(context: Context, id: string, pid: number): void {
  const when = holdAtExec(pid) ? 'begins when this process has ended' : 'may begin early: ptrace is not allowed'
  context.debug(id, `pid ${pid} ${when}`)
}
