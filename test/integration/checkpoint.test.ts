import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { COUNTER, follow, hasCounted, imagesIn, started } from '../checkpointing.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'criu'), timeout: 120_000 }

t.test('what was saved goes on where it was, under another id, as any container', skip, async t => {
  const box = makeBundle(t)
  const { runtime, bundle } = box
  const { container, numbers } = await started(box)
  const imagePath = imagesIn(box)
  const steps: string[] = []
  await container.checkpoint({ imagePath, onProgress: ({ step }) => steps.push(step) })
  t.match((await container.closed).signal, 'SIGKILL')
  t.same(await runtime.list(), [], 'it is deleted')
  t.ok(steps.includes('pre-dump') && steps.includes('post-dump'), steps.join())
  const last = numbers().at(-1) ?? 0

  box.configure(config => (config.linux.cgroupsPath = `/${box.id('elsewhere')}`))
  const restored = await runtime.restore({
    id: box.id('again'),
    bundle,
    imagePath,
    onProgress: ({ step }) => steps.push(step),
  })
  const again = follow(restored)
  await hasCounted(again)
  t.equal(again.numbers()[0], last + 1, 'no number is lost or told twice')
  t.ok(steps.includes('post-restore'), steps.join())
  t.match(await restored.state(), { status: 'running', id: box.id('again') })
  t.match(readFileSync(`/proc/${restored.pid}/cgroup`, 'utf8'), `:/${box.id('elsewhere')}\n`)
  t.same((await restored.processes()).includes(restored.pid), true)
  t.equal((await restored.run({ args: ['/bin/echo', 'hello'] })).stdout, 'hello\n')
  await restored.pause()
  t.match(await restored.state(), { status: 'paused' })
  await restored.resume()
  t.match((await (await runtime.get(box.id('again'))).state()).status, 'running')
  await restored.kill('SIGKILL')
  t.match(await restored.wait(), { signal: 'SIGKILL', oomKilled: false })
  await restored.delete()
})

t.test('it can go on, and be saved again and again', skip, async t => {
  const box = makeBundle(t)
  const { container, numbers } = await started(box)
  const [first, second] = [imagesIn(box), imagesIn(box)]
  await container.checkpoint({ imagePath: first, leaveRunning: true, workPath: join(box.directory, 'work') })
  t.ok(existsSync(join(box.directory, 'work', 'dump.log')))
  t.match(await container.state(), { status: 'running' })
  const before = numbers().length
  await hasCounted({ container, numbers: () => numbers().slice(before) })
  await container.pause()
  await container.checkpoint({ imagePath: second, leaveRunning: true })
  t.match(await container.state(), { status: 'paused' }, 'one that is paused stays so')
  await container.delete({ force: true })
  for (const imagePath of [first, second, first]) {
    await using restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath })
    await hasCounted(follow(restored))
  }
})

t.test('a directory may have older images, and links may lead to it', skip, async t => {
  const box = makeBundle(t)
  const { container, numbers } = await started(box)
  const [imagePath, workPath] = [join(box.directory, 'images'), join(box.directory, 'work')]
  for (const name of ['images', 'work']) {
    mkdirSync(join(box.directory, `real-${name}`))
    symlinkSync(join(box.directory, `real-${name}`), join(box.directory, name))
  }
  // Each has another child, so that the lists of the older ones stay.
  for (const leaveRunning of [true, true, false]) {
    await container.checkpoint({ imagePath, workPath, leaveRunning })
    if (!leaveRunning) break
    const before = numbers().length
    await hasCounted({ container, numbers: () => numbers().slice(before) })
  }
  t.ok(readdirSync(imagePath).filter(name => /^pagemap-[0-9]/.test(name)).length > 2)
  await using restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath, workPath })
  await hasCounted(follow(restored))
  t.ok(existsSync(join(box.directory, 'real-work', 'restore.log')))
})

t.test('its terminal is a new one', skip, async t => {
  const box = makeBundle(t)
  const { container } = await started(
    box,
    `{ ${COUNTER}; } < /dev/null & while read word; do echo "got $word"; done`,
    config => {
      config.process.terminal = true
    },
  )
  const imagePath = imagesIn(box)
  await container.checkpoint({ imagePath })
  await using restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath })
  const { terminal } = restored
  if (terminal === null) throw new Error('no terminal')
  let seen = ''
  terminal.on('data', (chunk: Buffer) => (seen += chunk))
  terminal.write('word\n')
  await until(() => seen.includes('got word\r\n'), 'the answer')
  t.match((await restored.run({ args: ['/bin/readlink', '/proc/1/fd/0'] })).stdout, /^\/dev\/pts\/0\n$/)
})

t.test('mounts of the host come from the host again, and others from the images', skip, async t => {
  const box = makeBundle(t)
  const shared = join(box.directory, 'shared')
  mkdirSync(shared)
  writeFileSync(join(shared, 'file'), 'from the host')
  writeFileSync(join(box.directory, 'single'), 'single')
  const { container } = await started(box, `echo kept > /tmp/file; ${COUNTER}`, config => {
    config.mounts.push(
      { destination: '/data', type: 'bind', source: shared, options: ['rbind', 'ro'] },
      { destination: '/etc/single', type: 'bind', source: join(box.directory, 'single'), options: ['bind', 'rw'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    )
    config.linux.maskedPaths = ['/proc/kcore', '/proc/keys', '/proc/acpi', '/sys/firmware']
  })
  const imagePath = imagesIn(box)
  const table = async (of: typeof container) =>
    (await of.run({ args: ['/bin/cat', '/proc/self/mountinfo'] })).stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(' '))
      .map(([, , , , path, options]) => `${path} ${options}`)
      .sort()
  const before = await table(container)
  await container.checkpoint({ imagePath })
  writeFileSync(join(shared, 'file'), 'changed on the host')
  await using restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath })
  const { stdout } = await restored.run({ args: ['/bin/cat', '/data/file', '/etc/single', '/tmp/file'] })
  t.equal(stdout, 'changed on the hostsinglekept\n')
  t.same(await table(restored), before)
  t.not((await restored.run({ args: ['/bin/touch', '/data/new'] })).exitCode, 0, 'read-only as before')
  t.equal((await restored.run({ args: ['/bin/head', '-c', '1', '/proc/keys'] })).stdout, '')
})
