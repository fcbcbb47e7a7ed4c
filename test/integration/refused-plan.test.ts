/** The helper verifies each plan, and nothing of a bad one is done; what is wrong with it is said in the words of lib/plan/verify.ts. */
import t from 'tap'
import { begin } from '../../lib/launch/launch.js'
import type { Plan } from '../../lib/plan/plan.js'
import { verifyPlan } from '../../lib/plan/verify.js'

const plan = (ops: Plan['ops']): Plan => ({ cloneFlags: 0, preserveFds: 0, slots: [], ops })

const BAD: Readonly<Record<string, Plan>> = {
  'without an end': plan([]),
  'in the wrong order': plan([{ op: 'execve', args: { args: ['/bin/true'], env: [] }, origin: '' } as never]),
}

for (const [name, bad] of Object.entries(BAD)) {
  t.test(`a plan ${name}`, async t => {
    let said = ''
    try {
      verifyPlan(bad)
    } catch (error) {
      said = (error as Error).message
    }
    t.not(said, '')
    const launch = begin({ plan: bad, stdio: [0, 1, 2], cgroup: null })
    try {
      launch.hand([])
      await t.rejects(launch.executed(), { code: 'ERR_PLAN_REFUSED', message: said })
    } finally {
      await launch.end(null)
      launch.close()
    }
  })
}
