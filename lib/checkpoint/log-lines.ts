/** What of a log of CRIU tells why it failed. */

const MOST = 8
/** Errors that are in the log of every run, also of one that works. */
const HARMLESS = [/rlimit: Can't setup RLIMIT_NOFILE/, /tun: Unable to create tun/]
/** They only say that there was an error before. */
const LAST = [/Dumping FAILED/, /Restoring FAILED/, /exited, status=/, /killed by signal 9/, /cgroupd: recv req error/]

/** After ten seconds, unless its configuration file has another `timeout`: whoever calls vfork waits for a child that CRIU has stopped. */
const IN_VFORK = /Unseizable non-zombie \d+ found, state D/

/** What to do about errors of which CRIU's words say little; nothing: they are clear, or nobody knows. */
export const remediesOf = (lines: readonly string[]): string[] =>
  lines.some(line => IN_VFORK.test(line))
    ? ['a process was about to start a program (vfork), and can not be saved just then: try again']
    : []

/** The errors, first to last, without their times; what follows from others is left out if there are others. */
export function errorLines(log: string): string[] {
  const errors = log
    .split('\n')
    .filter(line => /\bError \(/.test(line) && !HARMLESS.some(pattern => pattern.test(line)))
    .map(line => line.replace(/^\([0-9.]+\)\s*/, '').trim())
  const causes = errors.filter(line => !LAST.some(pattern => pattern.test(line)))
  return (causes.length > 0 ? causes : errors).slice(0, MOST)
}
