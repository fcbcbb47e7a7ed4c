/** The command of a user who may have few processes and threads (RLIMIT_NPROC, which root is exempt from). */
import t from 'tap'
import { FORM, FORMS } from '../command.js'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces'), timeout: 300_000 }
/** Nothing hangs: far above what a busy machine takes. */
const BOUND_S = 30
const KILLED = 137

t.test('RLIMIT_NPROC around the command', skip, async t => {
  const { script, configure, prefix, directory } = makeRootlessBundle(t)
  configure('exit 3')
  const env = { PATH: `${directory}:${process.env.PATH}` }
  // With the launcher that Node's form begins with.
  const command = `${directory}/code/${FORMS[FORM]}`
  const outcomes: (number | null)[] = []
  for (const limit of [1, 2, 3, 4, 5, 6, 8, 12, 30]) {
    for (const [args, done] of [
      ['list', 0],
      [`run ${prefix}-${limit}`, 3],
    ] as const) {
      const { status, stderr } = script(
        `timeout -s KILL ${BOUND_S} prlimit --nproc=${limit}:${limit} ${command} ${args}`,
        { env },
      )
      const name = `${args} with ${limit}: ${status}: ${stderr}`
      t.not(status, KILLED, name)
      t.ok(status === done || /RLIMIT_NPROC|Cannot fork|no thread/.test(stderr), name)
      if (done === 3) outcomes.push(status)
    }
  }
  t.not(outcomes[0], 3, 'one process is not enough')
  t.equal(outcomes.at(-1), 3, 'thirty are')
})
