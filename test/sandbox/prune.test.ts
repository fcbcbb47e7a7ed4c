/** Pruning, while other processes make sandboxes. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Sandbox } from '../../lib/sandbox/index.js'
import { lockDirectory } from '../../lib/sys/lock.js'
import { closeDirectory } from '../../lib/sys/own-directory.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'libseccomp') }
const deep = { skip: missing('root', 'libseccomp', 'python3') }
const BOXES = '/run/tsrun-sandbox/boxes'

t.test('a sandbox that is being made is left alone, one that was left behind is not', skip, async t => {
  await (await Sandbox.create()).stop()
  const path = `${BOXES}/half-made-${process.pid}`
  mkdirSync(`${path}/base`, { recursive: true })
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  const lock = lockDirectory(path)
  if (typeof lock !== 'number') throw new Error('not locked')
  await Sandbox.prune()
  t.ok(existsSync(path))
  closeDirectory(lock)
  await Sandbox.prune()
  t.notOk(existsSync(path))
})

const DEEP = `
import os, sys
os.chdir('/work')
for i in range(600):
  os.mkdir('d' * 100)
  os.chdir('d' * 100)
open(b'\\xff', 'w').close()
os.mkdir(b'/work/\\xfe')
open(b'/work/\\xfe/\\xfd', 'w').close()
os.chmod(b'/work/\\xfe', 0)`

t.test(
  'whatever a program has written is removed: below paths of any length, names that are no text',
  deep,
  async t => {
    const source = mkdtempSync('/tmp/tsrun-test-deep-')
    t.teardown(() => rmSync(source, { recursive: true, force: true }))
    const box = await Sandbox.create({ mounts: [{ source, target: '/work', mode: 'overlay' }] })
    t.teardown(() => box.stop())
    t.match(await box.commands.run(['python3', '-c', DEEP]), { verdict: 'ok', stderr: '' })
    const before = readdirSync('/proc/self/fd').length
    await box.stop()
    t.notOk(existsSync(`${BOXES}/${box.id}`))
    t.ok(readdirSync('/proc/self/fd').length <= before)
  },
)

t.test('what can not be removed does not keep the others', skip, async t => {
  await (await Sandbox.create()).stop()
  const [stuck, other] = [`${BOXES}/a-stuck-${process.pid}`, `${BOXES}/z-other-${process.pid}`]
  for (const path of [stuck, other]) mkdirSync(`${path}/base`, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', `${stuck}/base`])
  t.teardown(() => {
    if (existsSync(`${stuck}/base`)) execFileSync('umount', [`${stuck}/base`])
    rmSync(stuck, { recursive: true, force: true })
  })
  await t.rejects(Sandbox.prune(), { message: /EBUSY/ })
  t.notOk(existsSync(other))
})

/** Ends with 0 if all of its sandboxes could be made and used. */
const MAKER = `
import { Sandbox } from ${JSON.stringify(resolve('dist/sandbox/index.js'))}
for (let round = 0; round < 12; round++) {
  const box = await Sandbox.create({ mounts: [{ source: '/tmp', target: '/work', mode: 'overlay' }] })
  await box.commands.run('echo x > /home/sandbox/x')
  if ((await box.diff('/home')).length !== 1) process.exit(3)
  await box.stop()
}`

t.test('processes make sandboxes while another one prunes', skip, async t => {
  const makers = [1, 2].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', MAKER], { stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  t.teardown(() => makers.map(maker => maker.kill('SIGKILL')))
  let living = makers.length
  const ends = makers.map(async maker => {
    const [code] = await once(maker, 'exit')
    living--
    return code
  })
  for (; living > 0; await setImmediate()) await Sandbox.prune()
  t.same(await Promise.all(ends), [0, 0])
})

t.test('what sandboxes of a user share is made once, whole, and again if somebody has cleaned it up', skip, async t => {
  const id = 4_000_000 + process.pid
  const base = `/run/tsrun-sandbox/bases/${id}.${id}`
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const make = () => Sandbox.create({ user: { uid: id, gid: id } })
  const boxes = await Promise.all([make(), make(), make(), make()])
  rmSync(`${base}/etc/passwd`)
  boxes.push(...(await Promise.all([make(), make()])))
  t.teardown(() => Promise.all(boxes.map(box => box.stop())))
  for (const box of boxes.slice(4))
    t.match(await box.commands.run('id -un; echo > ~/own; ls -l /etc/passwd'), { stdout: /^sandbox\n/, verdict: 'ok' })
  for (const box of boxes) await box.stop()
  t.same(readdirSync(`${base}/home/sandbox`), [])
  const left = readdirSync(BOXES)
  for (const box of boxes) t.notOk(left.includes(box.id))
})
