/** containerd's shim, which is the parent of the command under containerd and Docker. */
import { processName } from '../for-command.js'

/**
 * Up to containerd 1.6 it misses the end of a process that ends before the command that started it, and in all versions it
 * listens for OOM only after `start` has returned. Nobody else needs a program held until then.
 */
export const isShim = (pid: number): boolean => processName(pid)?.startsWith('containerd-shim') ?? false
