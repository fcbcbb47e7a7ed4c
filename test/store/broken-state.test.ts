/** What delete, list and exec make of a state directory that is broken, or that is not ours. */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { leftovers, makeBundle, type TestBundle } from '../bundle.js'
import { commandOn } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox'), timeout: 200_000 }

/** A container that sleeps, in a cgroup of its own. */
async function sleeping(box: TestBundle, id: string, cgroup = id) {
  box.configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    config.linux.cgroupsPath = `/${cgroup}`
  })
  const container = await box.runtime.create({ id, bundle: box.bundle, stdio: 'ignore' })
  await container.start()
  return { container, id, directory: join(box.runtime.root, id) }
}

const lives = (pid: number): boolean => existsSync(`/proc/${pid}/root`) && !/\) [ZX] /.test(readStat(pid))

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return ') X '
  }
}

/** The last record of the state file, changed. */
function append(state: string, change: (record: Record<string, unknown>) => void): void {
  const record = JSON.parse(readFileSync(state, 'utf8').trimEnd().split('\n').at(-1) ?? '')
  change(record)
  appendFileSync(state, `${JSON.stringify(record)}\n`)
}

/** As `append`, in place of all that there is. */
function rewrite(state: string, change: (record: Record<string, unknown>) => void): void {
  append(state, change)
  writeFileSync(state, `${readFileSync(state, 'utf8').trimEnd().split('\n').at(-1)}\n`)
}

const escaping = { version: 1, controllers: ['pids'], mountpoint: '/sys/fs/cgroup/pids', path: '../..', made: 1 }

const BROKEN: Readonly<Record<string, (state: string) => void>> = {
  'a cgroup of null': state => rewrite(state, record => Object.assign(record, { cgroup: null })),
  'a cgroup of {}': state => rewrite(state, record => Object.assign(record, { cgroup: {} })),
  'a cgroup that is a string': state => rewrite(state, record => Object.assign(record, { cgroup: '/' })),
  'a cgroup with ..': state =>
    rewrite(state, record =>
      Object.assign(record, { cgroup: { id: 'x', isOurs: true, places: [escaping], scope: null } }),
    ),
  'a last line that is none': state => appendFileSync(state, '{"version":1\n'),
  'a pid that is a string': state => append(state, record => Object.assign(record, { pid: '1' })),
  'an empty file': state => writeFileSync(state, ''),
  'no file': state => rmSync(state),
  'a directory': state => {
    rmSync(state)
    mkdirSync(join(state, 'in', 'it'), { recursive: true })
  },
  'a fifo': state => {
    rmSync(state)
    spawnSync('mkfifo', [state])
  },
  'a sparse file of 2 GB': state => {
    const file = openSync(state, 'w')
    ftruncateSync(file, 2 ** 31)
    closeSync(file)
  },
  'a link': state => {
    renameSync(state, `${state}-moved`)
    symlinkSync('state-moved', state)
  },
}

t.test('a record that is broken', skip, async t => {
  for (const [what, breakIt] of Object.entries(BROKEN)) {
    await t.test(what, async t => {
      const box = makeBundle(t)
      const tsrun = commandOn(box)
      const other = await sleeping(box, box.id('other'))
      const broken = await sleeping(box, box.id('broken'))
      breakIt(join(broken.directory, 'state'))
      const list = tsrun(['list', '-q'])
      t.match(list, { status: 0, stdout: `${other.id}\n` }, 'the others are listed')
      t.match(tsrun(['delete', '--force', broken.id]), { status: 0 }, 'delete --force')
      t.notOk(lives(broken.container.pid), 'its init is gone')
      t.same(leftovers(broken.id), [], 'its cgroup is gone')
      t.notOk(existsSync(broken.directory), 'its state is gone')
      t.ok(lives(other.container.pid), 'the other one goes on')
    })
  }
})

t.test('a record of which nothing is left but the pid', skip, async t => {
  const box = makeBundle(t)
  const { container, directory, id } = await sleeping(box, box.id())
  rewrite(join(directory, 'state'), record => Object.assign(record, { cgroup: null }))
  rmSync(join(directory, 'config.cbor'))
  t.match(commandOn(box)(['delete', '--force', id]), { status: 0 })
  t.notOk(lives(container.pid), 'its init is gone')
  t.notOk(existsSync(directory), 'its state is gone')
  // Of the cgroup nothing is known.
  for (const cgroup of leftovers(id)) spawnSync('rmdir', [cgroup])
})

t.test('a configuration that is broken is named', skip, async t => {
  const box = makeBundle(t)
  const { directory, id } = await sleeping(box, box.id())
  const file = join(directory, 'config.cbor')
  for (const content of ['', 'no CBOR at all', '\xa1', JSON.stringify({})]) {
    writeFileSync(file, content)
    const outcome = commandOn(box)(['exec', id, 'true'])
    t.equal(outcome.status, 255)
    t.match(outcome.stderr, `(${file}) can not be read`)
  }
  t.match(commandOn(box)(['delete', '--force', id]), { status: 0 })
})

function makeTarget(t: Test): string {
  const target = t.testdir({ state: '', keep: { me: 'precious' } })
  return target
}

t.test('a link in place of a state directory', skip, async t => {
  const box = makeBundle(t)
  const tsrun = commandOn(box)
  const other = await sleeping(box, box.id('other'))
  const id = box.id('link')
  for (const target of [makeTarget(t), other.directory, '/no/such']) {
    const link = join(box.runtime.root, id)
    symlinkSync(target, link)
    t.match(tsrun(['state', id]), { status: 1, stderr: 'symbolic link' })
    t.match(tsrun(['list', '-q']), { status: 0, stdout: `${other.id}\n` })
    t.match(tsrun(['kill', id, 'KILL']), { status: 1, stderr: 'symbolic link' })
    t.match(tsrun(['delete', id]), { status: 1, stderr: 'symbolic link' })
    t.match(tsrun(['delete', '--force', id]), { status: 0 })
    t.throws(() => readFileSync(link), { code: 'ENOENT' }, 'the link is gone')
  }
  t.equal(readFileSync(join(t.testdirName, 'keep/me'), 'utf8'), 'precious')
  t.ok(existsSync(join(other.directory, 'state')))
  t.ok(lives(other.container.pid))
})

t.test('a state directory of another user', skip, async t => {
  const box = makeBundle(t)
  const { container, directory, id } = await sleeping(box, box.id())
  chownSync(directory, 65534, 65534)
  const tsrun = commandOn(box)
  for (const args of [['state'], ['kill'], ['delete', '--force']]) {
    t.match(tsrun([...args, id]), { status: 1, stderr: 'belongs to uid 65534' })
  }
  t.ok(lives(container.pid))
  chownSync(directory, 0, 0)
  await container.delete({ force: true })
})

t.test('a dead container does not take another one of the same cgroupsPath with it', skip, async t => {
  const box = makeBundle(t)
  const tsrun = commandOn(box)
  for (const isLost of [true, false]) {
    const shared = box.id('shared')
    const dead = await sleeping(box, box.id('dead'), shared)
    await dead.container.kill('SIGKILL')
    await dead.container.wait()
    const living = await sleeping(box, box.id('living'), shared)
    if (isLost) rmSync(join(dead.directory, 'state'))
    t.match(tsrun(['delete', '--force', dead.id]), { status: 0 })
    t.ok(lives(living.container.pid), isLost ? 'record lost' : 'record intact')
    t.notOk(existsSync(dead.directory))
    await living.container.delete({ force: true })
    // It was there before the second one, and in use when the first one went: nobody's to remove.
    for (const cgroup of leftovers(shared)) spawnSync('rmdir', [cgroup])
  }
})
