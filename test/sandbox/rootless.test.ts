/** Sandboxes of a user without privileges. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp', 'user-namespaces') }

/** `before`: what root does first, where it is run. */
function makeProgram(t: Test): (body: string, before?: string) => readonly unknown[] {
  const { directory, script } = makeRootlessBundle(t)
  const prelude = `
    import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
    import { Sandbox } from '${directory}/code/dist/sandbox/index.js'
    const own = '${directory}/own'
    const boxes = '${directory}/run/tsrun-sandbox/boxes'
    mkdirSync(own)
    writeFileSync(own + '/file', 'source')
    const print = value => console.log(JSON.stringify(value))`
  return (body, before = ':') => {
    const file = join(directory, 'bundle/program.mjs')
    writeFileSync(file, `${prelude}\n${body}\n`)
    const { stdout, stderr, status } = script(`${directory}/node ${file}`, { before })
    t.equal(status, 0, stderr)
    const lines = stdout.trim().split('\n').filter(Boolean)
    return lines.map(line => JSON.parse(line))
  }
}

t.test('a plain user runs commands over the machine’s programs, with a folder that stays as it is', skip, async t => {
  const program = makeProgram(t)
  const [isolation, result, file, changes, source, left] = program(`
    const box = await Sandbox.create({ mounts: [{ source: own, target: '/work', mode: 'overlay' }], timeoutMs: 60_000 })
    print(box.isolation)
    print(await box.commands.run('id -u; cat file; echo changed > file; mkdir new; chmod 0 new; grep CapEff /proc/self/status'))
    await box.files.write('/work/a.txt', 'data')
    print([await box.files.read('a.txt'), (await box.commands.run(['cat', 'a.txt'])).stdout])
    await box.commands.run('chmod 755 new')
    print((await box.diff('/work')).map(({ change, path }) => change + ' ' + path))
    print(readFileSync(own + '/file', 'utf8'))
    await box.commands.run('mkdir /work/closed; touch /work/closed/x; chmod 0 /work/closed')
    await box.stop()
    print(readdirSync(boxes))`)
  t.match(isolation, { level: 'full' })
  t.match(result, { verdict: 'ok', stdout: '1000\nsourceCapEff:\t0000000000000000\n' })
  t.same(file, ['data', 'data'])
  t.same(changes, ['added /work/a.txt', 'modified /work/file', 'added /work/new'])
  t.equal(source, 'source')
  t.same(left, [])
})

t.test('limits that take a cgroup are an error if they were asked for, and named as missing if not', skip, async t => {
  const program = makeProgram(t)
  const [missingLimits, asked, verdict] = program(`
    const box = await Sandbox.create()
    print(box.isolation.missing)
    print(await Sandbox.create({ limits: { memory: '64M' } }).then(box => box.stop(), error => error.code))
    print((await box.commands.run('exec sleep 1000', { timeoutMs: 100 })).verdict)
    await box.stop()`)
  if (Array.isArray(missingLimits) && missingLimits.length > 0) {
    t.match(missingLimits, [/no cgroup is delegated/])
    t.equal(asked, 'ERR_HOST_CGROUP')
  }
  t.equal(verdict, 'timeout')
})

t.test('what a process that was killed has left is pruned', skip, async t => {
  const program = makeProgram(t)
  const [pruned, left] = program(`
    import { spawnSync } from 'node:child_process'
    const child = \`import { Sandbox } from '\${own}/../code/dist/sandbox/index.js'
      const box = await Sandbox.create()
      await box.commands.start(['sleep', '1000'])
      process.kill(process.pid, 'SIGKILL')\`
    spawnSync(process.execPath, ['--input-type=module', '-e', child], { stdio: 'inherit' })
    print((await Sandbox.prune()).length)
    print(readdirSync(boxes))`)
  t.equal(pruned, 1)
  t.same(left, [])
})

t.test('who would take less than there is gets what there is', skip, async t => {
  const program = makeProgram(t)
  const body = `
    const box = await Sandbox.create({ minimum: 'landlock' })
    print(box.isolation)
    await box.stop()`
  t.match(program(body, 'mount -t tmpfs none /proc/fs'), [{ level: 'no-procfs' }])
})
