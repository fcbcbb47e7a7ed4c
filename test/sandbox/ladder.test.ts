/** Each level of isolation, forced by what a machine withholds from a user without privileges: by the command. */
import { chownSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Outcome } from '../command.js'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'
import { bySysctl, COVERED_PROCFS, makeWithholder } from './withheld.js'

const skip = { skip: missing('root', 'busybox', 'cc', 'libseccomp', 'user-namespaces') }
const hosted = { skip: missing('root', 'busybox', 'cc', 'libseccomp', 'user-namespaces', 'landlock') }

interface Place {
  /** A directory of the user's. */
  readonly own: string
  /** Runs lines of a shell, in which TSRUN is the command, where this is put `around` them. */
  run(lines: string, around: (command: string) => string, before?: string): Outcome
  readonly withhold: string
}

function makePlace(t: Test): Place {
  const { directory, command, script, bundle } = makeRootlessBundle(t)
  const own = join(realpathSync(directory), 'own')
  mkdirSync(own)
  chownSync(own, USER, USER)
  writeFileSync(join(bundle, 'secret'), 'secret')
  const withhold = makeWithholder(bundle)
  const run: Place['run'] = (lines, around, before = ':') => {
    const file = join(bundle, 'lines')
    writeFileSync(file, `TSRUN="${command}"\n${lines}\n`)
    return script(around(`sh ${file}`), { before })
  }
  return { own, run, withhold }
}

const WITHOUT = [
  ['by the sysctl', () => bySysctl, /max_user_namespaces/],
  [
    'by a filter, as in a container',
    (place: Place) => (line: string) => `${place.withhold} namespaces ${line}`,
    /seccomp=unconfined/,
  ],
  [
    'by EPERM for maps, as of AppArmor',
    (place: Place) => (line: string) => `${place.withhold} maps ${line}`,
    /seccomp=unconfined/,
  ],
] as const

for (const [how, aroundOf, remedy] of WITHOUT)
  t.test(`no user namespaces ${how}`, hosted, async t => {
    const place = makePlace(t)
    const { own, run } = place
    const around = aroundOf(place)
    for (const minimum of ['', '--minimum full']) {
      const { status, stderr } = run(`exec $TSRUN sandbox ${minimum} -- true`, around)
      t.equal(status, 125, stderr)
      t.match(stderr, remedy, 'the remedy')
      t.match(stderr, "minimum: 'landlock' (--minimum landlock)")
    }
    const mount = `--minimum landlock --mount ${own}:${own}:rw`
    const program = 'echo inside > out; cat out ../bundle/secret; exit 3'
    const ran = run(`exec $TSRUN sandbox ${mount} -- sh -c '${program}'`, around)
    t.match(ran, { status: 3, stdout: 'inside\n', stderr: /secret: Permission denied/ })
    t.match(ran.stderr, /^tsrun: without namespaces: .*(\n.*)*^tsrun: without a list of what has changed$/m)
    const tree = 'setsid sleep 9201 & sleep 9201 & sleep 9201'
    const living = 'grep -alzx "[9]201" /proc/[0-9]*/cmdline 2>/dev/null'
    const late = run(`$TSRUN sandbox -q ${mount} --timeout 300ms -- sh -c '${tree}'; echo $?; ${living}`, around)
    t.equal(late.stdout, '124\n', late.stderr)
    const { isolation, least } = JSON.parse(run('exec $TSRUN doctor --json', around).stdout)
    t.match({ isolation, level: least?.level }, { isolation: null, level: 'landlock' })
  })

t.test('no procfs of its own', skip, async t => {
  const { run } = makePlace(t)
  const sandbox = (words: string): Outcome =>
    run(`exec $TSRUN sandbox ${words} -- sh -c 'ls /proc; echo ran'`, line => line, COVERED_PROCFS)
  t.match(sandbox('--minimum full'), {
    status: 125,
    stdout: '',
    stderr: /systempaths=unconfined.*minimum: 'no-procfs'/,
  })
  for (const words of ['', '--minimum no-procfs', '--minimum landlock'])
    t.match(sandbox(words), { status: 0, stdout: /^ran$/m, stderr: /^tsrun: without a procfs: /m }, words)
})

t.test('a level that there is not', skip, async t => {
  const { status, stderr } = makePlace(t).run('exec $TSRUN sandbox --minimum most -- true', line => line)
  t.equal(status, 1)
  t.match(stderr, '--minimum most: write full, no-procfs, landlock')
})
