/** A container has the soft limit of open files that its caller was started with: Node raises its own. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** Runs it in a shell with that soft limit; what the container says is on standard output. */
function underLimit(
  limit: number,
  command: readonly string[],
): { status: number | null; stdout: string; stderr: string } {
  const script = `ulimit -Sn ${limit} && "$@"; exit $?`
  const env = { PATH: `${join(process.execPath, '..')}:${process.env.PATH}` }
  return spawnSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8', timeout: 60_000, env })
}

const prints = ({ configure }: TestBundle, change: Parameters<TestBundle['configure']>[0] = () => {}): void =>
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'ulimit -Sn; ulimit -Hn']
    change(config)
  })

t.test('the command notes the limit before Node raises it', skip, async t => {
  const box = makeBundle(t)
  prints(box)
  const run = [TSRUN, '--root', box.runtime.root, 'run', '--bundle', box.bundle, box.id()]
  const { stdout, stderr } = underLimit(777, run)
  t.match(stdout, /^777\n/, stderr)
  t.notMatch(stdout, /^777\n777\n/, 'the hard limit stays')
  // As engines in Go do it: a process whose own limit is raised, and which lowers that of its children.
  const raised = underLimit(777, ['sh', '-c', 'ulimit -Sn 888; "$@"; exit $?', 'sh', ...run])
  t.match(raised.stdout, /^888\n/, raised.stderr)
})

t.test('for the library it is the limit of the parent', skip, async t => {
  const box = makeBundle(t)
  prints(box)
  const script = `
    import { createRuntime } from ${JSON.stringify(join(process.cwd(), 'dist/index.js'))}
    const runtime = createRuntime({ root: ${JSON.stringify(box.runtime.root)} })
    process.stdout.write((await runtime.run({ bundle: ${JSON.stringify(box.bundle)} })).stdout)`
  const { stdout, stderr } = underLimit(666, [process.execPath, '--input-type=module', '-e', script])
  t.match(stdout, /^666\n/, stderr)
})

t.test('what the configuration says comes first', skip, async t => {
  const box = makeBundle(t)
  prints(box, config => {
    config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1500, hard: 1600 }]
  })
  const { stdout, stderr } = underLimit(777, [
    TSRUN,
    '--root',
    box.runtime.root,
    'run',
    '--bundle',
    box.bundle,
    box.id(),
  ])
  t.equal(stdout, '1500\n1600\n', stderr)
})

t.test('a working directory that a read-only root lacks is an error, and is not made in the image', skip, async t => {
  const { runtime, bundle, configure, rootfs, id, sh } = makeBundle(t)
  configure(config => {
    config.root = { path: 'rootfs', readonly: true }
    config.process.cwd = '/missing/here'
  })
  await t.rejects(runtime.create({ id: id(), bundle, stdio: 'ignore' }), {
    code: 'ERR_LAUNCH_OP',
    message: /^\/process\/cwd: .*ENOENT/,
  })
  t.notOk(existsSync(join(rootfs, 'missing')))
  const mounted = await sh('pwd', config => {
    config.root = { path: 'rootfs', readonly: true }
    config.process.cwd = '/tmp/here'
  })
  t.equal(mounted.stdout, '/tmp/here\n', 'in what is mounted it is made')
  const writable = await sh('pwd', config => {
    config.root = { path: 'rootfs' }
    config.process.cwd = '/missing/here'
  })
  t.equal(writable.stdout, '/missing/here\n', 'and in a root that is not read-only')
})
