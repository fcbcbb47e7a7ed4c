import t from 'tap'
import { missing, type Need } from './needs.js'

const all: readonly Need[] = [
  'root',
  'cgroup-v1',
  'cgroup-v2',
  'user-namespaces',
  'runc',
  'crun',
  'busybox',
  'strace',
  'libseccomp',
  'cc',
  'clang',
  'npm',
]

/** Runs with other environment variables, and puts back those that were. */
function withEnvironment(variables: Record<string, string>, run: () => void) {
  const before = { ...process.env }
  Object.assign(process.env, { MUST_RUN: '', MAY_SKIP: '', ...variables })
  try {
    run()
  } finally {
    process.env = before
  }
}

t.test('what is there is not missing', async t => {
  withEnvironment({ PATH: process.env.PATH ?? '' }, () => t.equal(missing('cc'), false))
})

t.test('what is missing has a reason, and is an error if the test must run', async t => {
  withEnvironment({ PATH: '/nowhere' }, () => {
    t.match(missing('strace'), /needs strace/)
    process.env.MUST_RUN = '1'
    t.throws(() => missing('strace'), /MUST_RUN=1, but this test needs strace/)
    process.env.MAY_SKIP = 'crun,strace'
    t.match(missing('strace'), /needs strace/, 'but for what is excepted')
  })
})

t.test('every need can be asked for', async t => {
  withEnvironment({}, () => {
    for (const need of all) t.match(missing(need), /^needs |false/, need)
  })
})
