import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { MS } from '../../lib/plan/flags.js'
import { missing } from '../needs.js'
import { buildLauncher, furnishedRoot, makeRoot, runProgram } from './launch.js'
import { op } from './plans.js'

/** A root that is a shared mount of the host, as the mounts of most distributions are. */
function makeSharedRoot(t: Test): string {
  const root = makeRoot(t)
  execFileSync('mount', ['--bind', root, root])
  t.teardown(() => execFileSync('umount', ['-R', root]))
  execFileSync('mount', ['--make-shared', root])
  return root
}

const mountsBelow = (root: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => line.includes(` ${root}/`))

t.test('a root that is shared on the host', { skip: missing('root', 'cc', 'busybox') }, async t => {
  const launch = buildLauncher(t)
  const propagations = { shared: MS.SHARED, slave: MS.SLAVE, private: MS.PRIVATE }

  for (const [name, flags] of Object.entries(propagations)) {
    t.test(`shows the host nothing of what is mounted in the container, with propagation ${name}`, async t => {
      const root = makeSharedRoot(t)
      const ops = furnishedRoot().map(each =>
        each.op === 'propagation' ? op('propagation', { flags: flags | MS.REC }) : each,
      )
      const plan = [
        ...ops,
        op('pivot_root'),
        op('root_attr', { propagation: flags }),
        ...runProgram(['/bin/cat', '/proc/self/mountinfo']),
      ]
      const { told, stdout, exit } = launch({ ops: plan, slots: [`tree:${root}`] })
      t.same(told, [])
      t.equal(exit, 0)
      t.same(mountsBelow(root), [])
      t.equal(/ \/ rw\S* shared:/.test(stdout), name === 'shared', stdout)
    })
  }
})
