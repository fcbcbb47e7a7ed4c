/** Containers with a root of layers that are saved and made again. */
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Container, createRuntime, type LayeredRoot, type OciConfig } from '../../lib/index.js'
import { baseConfig, makeBundle, type TestConfig } from '../bundle.js'
import { COUNTER, type Counter, follow, hasCounted, imagesIn } from '../checkpointing.js'
import { RUNNER, TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'criu'), timeout: 120_000 }

/** It has written, changed and removed files of its root, and goes on writing to one, which has each number. */
const WRITER = `echo before > /before; mkdir -p /etc/new; rm -r /gone; exec 3> /numbers; ${COUNTER.replace('echo $i', 'echo $i; echo $i >&3')}`

/** The busybox root of a bundle below a layer that has something to remove. */
function makeLayers(t: Test) {
  const box = makeBundle(t)
  const top = join(box.directory, 'top')
  mkdirSync(join(top, 'gone/deep'), { recursive: true })
  const layers = [box.rootfs, top]
  const configOf = (change: (config: TestConfig) => void = () => {}): OciConfig => {
    const { root: _none, ...config } = baseConfig()
    config.process.args = ['/bin/sh', '-c', WRITER]
    config.linux.cgroupsPath = `/${box.id('group')}`
    change(config as TestConfig)
    return config as OciConfig
  }
  const config = configOf()
  const start = async (rootfs: LayeredRoot, of = config): Promise<Counter> => {
    const container = await box.runtime.create({ id: box.id('first'), config: of, rootfs })
    const counter = follow(container)
    await container.start()
    await hasCounted(counter)
    return counter
  }
  return { ...box, layers, config, configOf, start }
}

/** All is as it was, and it goes on after `last`. */
async function goesOn(t: Test, container: Container, last: number): Promise<Counter> {
  const counter = follow(container)
  await hasCounted(counter)
  t.equal(counter.numbers()[0], last + 1, 'no number is lost or told twice')
  const { stdout } = await container.run({ args: ['/bin/sh', '-c', 'cat /before; ls -d /etc/new /gone; cat /numbers'] })
  const [before, kept, ...numbers] = stdout.trim().split('\n')
  t.same([before, kept], ['before', '/etc/new'])
  t.same(
    numbers,
    numbers.map((_, index) => String(index + 1)),
    'the open file has all of them',
  )
  t.ok(numbers.length > last)
  return counter
}

const lastOf = ({ numbers }: Counter): number => numbers().at(-1) ?? 0

t.test('what is written to a directory is there again, for one container at a time', skip, async t => {
  const box = makeLayers(t)
  const { runtime, layers, configOf, start, directory, id } = box
  const rootfs = { layers, upper: { dir: join(directory, 'upper') } }
  const counter = await start(rootfs)
  const imagePath = imagesIn(box)
  // By a handle that has not made it.
  await (await runtime.get(id('first'))).checkpoint({ imagePath })
  await counter.container.closed
  t.same(await runtime.list(), [])
  const restore = (name: string, of: LayeredRoot | string = rootfs) => {
    const config = configOf(document => (document.linux.cgroupsPath = `/${id(`group-${name}`)}`))
    return runtime.restore({ id: id(name), config, rootfs: of, imagePath })
  }

  const wrong = [
    [{ ...rootfs, layers: layers.toReversed() }, /^rootfs\.layers: must be the layers of the checkpoint \(.*top\)/],
    [{ ...rootfs, layers: layers.slice(1) }, /^rootfs\.layers: must be/],
    [{ layers, upper: 'memory' as const }, /^rootfs\.upper: must be a directory, as it was at the checkpoint/],
    [layers[0] ?? '', /^rootfs: must be the layers of the checkpoint .*, but is "one directory"/],
  ] as const
  for (const [root, message] of wrong)
    await t.rejects(restore('wrong', root), { code: 'ERR_CONFIG_INVALID', message }, String(message))

  const cancel = new AbortController()
  const steps: string[] = []
  const onProgress = ({ step }: { step: string }): void => {
    steps.push(step)
    if (step === 'post-restore') cancel.abort()
  }
  const { signal } = cancel
  await t.rejects(runtime.restore({ id: id('none'), config: configOf(), rootfs, imagePath, signal, onProgress }), {
    name: 'AbortError',
  })
  t.ok(steps.includes('post-restore'), 'it has had processes')
  t.same(await runtime.list(), [], 'and is gone, so that its directory is free')

  const restored = await restore('second')
  const again = await goesOn(t, restored, lastOf(counter))
  t.equal(restored.upper, join(directory, 'upper/upper'))
  t.same(restored.layers, layers)
  t.notOk(readFileSync('/proc/self/mountinfo', 'utf8').includes(id('second')), 'nothing is mounted on the host')
  await t.rejects(restore('third'), { code: 'ERR_STATE_LOCKED', message: /is in use by container/ })
  t.same(
    (await runtime.list()).map(each => each.id),
    [id('second')],
  )
  await restored.checkpoint({ imagePath })
  await using last = await restore('third')
  await goesOn(t, last, lastOf(again))
})

t.test('what is written to memory is saved, and is in as many containers as are made of it', skip, async t => {
  const box = makeLayers(t)
  const { runtime, layers, configOf, start, id } = box
  const rootfs: LayeredRoot = { layers, upper: { memory: '16M' } }
  const counter = await start(rootfs)
  const imagePath = imagesIn(box)
  const foreign = await runtime.get(id('first'))
  await t.rejects(foreign.checkpoint({ imagePath }), {
    code: 'ERR_CONFIG_UNSUPPORTED',
    message: /^\/root: must be written to a directory .* but is "written to memory, which is of that process"/,
  })
  await counter.container.checkpoint({ imagePath, leaveRunning: true })
  t.match(await counter.container.state(), { status: 'running' })
  await counter.container.checkpoint({ imagePath })
  await counter.container.closed
  const made = await Promise.all(
    ['a', 'b'].map(name => {
      const config = configOf(document => (document.linux.cgroupsPath = `/${id(`group-${name}`)}`))
      return runtime.restore({ id: id(name), config, rootfs, imagePath })
    }),
  )
  for (const container of made) await goesOn(t, container, lastOf(counter))
  const [a, b] = made
  await a?.run({ args: ['/bin/sh', '-c', 'echo mine > /before'] })
  t.equal((await b?.run({ args: ['/bin/cat', '/before'] }))?.stdout, 'before\n')
  t.equal(readFileSync(`${a?.upper}/before`, 'utf8'), 'mine\n', 'it can be looked at, as with create')
  await a?.checkpoint({ imagePath: imagesIn(box) })
  for (const container of made) await container.delete({ force: true })
})

t.test('an archive that is damaged, cut off or missing is told, and leaves nothing', skip, async t => {
  const box = makeLayers(t)
  const { runtime, layers, config, start, id } = box
  const rootfs: LayeredRoot = { layers, upper: 'memory' }
  const { container } = await start(rootfs)
  const imagePath = imagesIn(box)
  await container.checkpoint({ imagePath })
  const archive = join(imagePath, 'upper.tar')
  const restore = () => runtime.restore({ id: id('r'), config, rootfs, imagePath })
  const whole = readFileSync(archive).length
  for (const size of [whole - 512, 1024, 700, 0]) {
    truncateSync(archive, size)
    await t.rejects(restore(), { code: /^ERR_LAYER_/ }, `${size} bytes`)
  }
  rmSync(archive)
  await t.rejects(restore(), { code: 'ERR_CHECKPOINT_IMAGE', message: /upper\.tar.*not there/ })
  for (const content of ['{"version":2}', 'no document', '[]']) {
    execFileSync('sh', ['-c', 'printf %s "$1" > "$2"', 'sh', content, join(imagePath, 'layers.json')])
    await t.rejects(restore(), { code: 'ERR_CHECKPOINT_IMAGE', message: /layers\.json: expected/ }, content)
  }
  t.same(await runtime.list(), [])
  t.notOk(existsSync(join(runtime.root, id('r'))))
})

t.test('what could not be in memory again is refused, and the container goes on', skip, async t => {
  const box = makeLayers(t)
  const { runtime, layers, config, start, id } = box
  const rootfs: LayeredRoot = { layers, upper: 'memory' }
  const counter = await start(rootfs)
  const { container } = counter
  const imagePath = imagesIn(box)
  const run = async (script: string): Promise<void> => {
    t.match(await container.run({ args: ['/bin/sh', '-c', script] }), { exitCode: 0, stderr: '' })
  }
  const refused = (limit: string) => t.rejects(container.checkpoint({ imagePath }), { code: 'ERR_LAYER_LIMIT', limit })
  const deep = (levels: number): string => `/deep${'/d'.repeat(levels)}`
  await run('busybox truncate -s 1000000G /large')
  await refused('bytes')
  await run(`rm /large; mkdir -p ${deep(600)}`)
  await refused('depth')
  await run(`rm -r /deep; mkdir -p ${deep(300)}`)
  await container.checkpoint({ imagePath })
  await using restored = await runtime.restore({ id: id(), config, rootfs, imagePath })
  await goesOn(t, restored, lastOf(counter))
  t.match(await restored.run({ args: ['/bin/ls', '-d', deep(300)] }), { exitCode: 0 })
})

t.test('images of one directory may go on in containers that have it as a layer', skip, async t => {
  const box = makeLayers(t)
  const { runtime, layers, configOf, id } = box
  const program = `exec 3> /tmp/open; ${COUNTER}`
  const config = configOf(document => (document.process.args = ['/bin/sh', '-c', program]))
  const container = await runtime.create({ id: id(), config, rootfs: layers[0] ?? '' })
  const counter = follow(container)
  await container.start()
  await hasCounted(counter)
  const imagePath = imagesIn(box)
  await container.checkpoint({ imagePath })
  await using restored = await runtime.restore({ id: id(), config, rootfs: { layers, upper: 'memory' }, imagePath })
  await hasCounted(follow(restored))
  t.equal((await restored.run({ args: ['/bin/ls', '-d', '/gone'] })).stdout, '/gone\n')
})

t.test('in a user namespace whose root is nobody on the host', skip, async t => {
  const box = makeLayers(t)
  const { runtime, layers, configOf, start, directory, id } = box
  execFileSync('chmod', ['755', directory])
  const config = configOf(document => {
    const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
    document.linux.namespaces?.push({ type: 'user' })
    Object.assign(document.linux, { uidMappings: mappings, gidMappings: mappings })
  })
  const rootfs: LayeredRoot = { layers, upper: 'memory' }
  const counter = await start(rootfs, config)
  const imagePath = imagesIn(box)
  await counter.container.checkpoint({ imagePath })
  await using restored = await runtime.restore({ id: id(), config, rootfs, imagePath })
  await goesOn(t, restored, lastOf(counter))
  t.match(readFileSync(`/proc/${restored.pid}/uid_map`, 'utf8'), /^ *0 +100000 +65536$/m)
  t.equal((await restored.run({ args: ['/bin/stat', '-c', '%u', '/before'] })).stdout, '0\n')
})

/** A store with one image, of busybox, and the command on it with a state directory of its own. */
function makeStore(t: Test) {
  const box = makeBundle(t)
  const [store, upper, imagePath] = ['store', 'upper', 'images'].map(name => join(box.directory, name)) as [
    string,
    string,
    string,
  ]
  const root = join(box.directory, 'of-image')
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const name of ['sh', 'sleep', 'cat']) symlinkSync('busybox', join(root, 'bin', name))
  t.match(tsrun(['image', 'import', '--as-root', '--store', store, root, 'base:1']), { status: 0 })
  const words = (...args: string[]): string[] => ['--root', box.runtime.root, ...args]
  const onImage = ['--store', store, '--image', 'base:1', '--upper', upper]
  const counted = (): number => Number(readFileSync(join(upper, 'upper/count'), 'utf8') || '-1')
  return { ...box, words, onImage, upper, imagePath, counted }
}

const COUNTS =
  'exec </dev/null >/dev/null 2>&1; i=0; while sleep 0.02; do i=$((i + 1)); echo $i > /new; mv /new /count; done'

t.test('the command: a container of an image, killed in the middle of both', skip, async t => {
  const { words, onImage, upper, imagePath, counted, runtime, id } = makeStore(t)
  const run = (...args: string[]) => tsrun(words(...args))
  const goes = async (): Promise<void> => {
    const before = existsSync(join(upper, 'upper/count')) ? counted() : 0
    await until(() => existsSync(join(upper, 'upper/count')) && counted() > before, 'the next number')
  }
  const program = ['--', '/bin/sh', '-c', COUNTS]
  t.match(run('run', '--detach', ...onImage, id(), ...program), { status: 0 })
  await goes()
  /** Ended after so many milliseconds, which may be at any step, or too late. */
  const kill = async (after: number, ...args: string[]): Promise<void> => {
    const child = spawn(RUNNER, [TSRUN, ...words(...args)], { stdio: 'ignore' })
    const timer = setTimeout(() => child.kill('SIGKILL'), after)
    await new Promise(resolve => child.on('exit', resolve))
    clearTimeout(timer)
  }
  const checkpoint = ['checkpoint', '--image-path', imagePath]
  for (const after of [150, 250, 350]) {
    await kill(after, ...checkpoint, '--leave-running', id())
    await until(() => run('state', id()).stdout.includes('"running"'), 'CRIU has let go of it')
    await goes()
  }
  t.match(run(...checkpoint, id()), { status: 0, stderr: '' })
  const last = counted()
  const restore = ['restore', '--detach', '--image-path', imagePath, ...onImage]
  t.match(run('restore', '--image-path', imagePath, '--upper', upper, id()), {
    status: 1,
    stderr: /--upper needs --image/,
  })
  for (const after of [150, 250, 350]) {
    await kill(after, ...restore, id(), ...program)
    await until(() => run('delete', '--force', id()).status === 0, 'it is deleted')
    t.same(await createRuntime({ root: runtime.root }).list(), [])
  }
  const restored = run(...restore, id(), ...program)
  t.match(restored, { status: 0, stderr: '' })
  await goes()
  t.ok(counted() > last)
  t.match(run('delete', '--force', id()), { status: 0 })
})
