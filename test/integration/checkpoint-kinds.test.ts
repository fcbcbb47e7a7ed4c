/** Containers of several kinds that are saved and made again. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openImagesAs } from '../../lib/checkpoint/image-view.js'
import { readConfig } from '../../lib/config/read.js'
import type { Container } from '../../lib/index.js'
import { closeFd } from '../../lib/sys/beneath.js'
import { makeBundle, type TestBundle, type TestConfig } from '../bundle.js'
import { COUNTER, follow, hasCounted, imagesIn, started } from '../checkpointing.js'
import { commandOn, execute } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'criu'), timeout: 120_000 }

interface Kind {
  readonly program?: string
  readonly change?: (config: TestConfig) => void
  readonly fileLocks?: boolean
}

/** Saved, and made again under another id; no number is lost. It is deleted when the test ends. */
async function again(box: TestBundle, { program = COUNTER, change, fileLocks = false }: Kind): Promise<Container> {
  const { container, numbers } = await started(box, program, change)
  const imagePath = join(box.directory, 'images')
  await container.checkpoint({ imagePath, fileLocks })
  await container.closed
  const last = numbers().at(-1) ?? 0
  const restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath, fileLocks })
  const counter = follow(restored)
  await hasCounted(counter)
  if (counter.numbers()[0] !== last + 1) throw new Error(`${last}, then ${counter.numbers()[0]}`)
  return restored
}

/** The programs of the host, read-only. */
function withPrograms(config: TestConfig): void {
  for (const path of ['/usr', '/lib', '/lib64']) {
    config.mounts.push({ destination: path, type: 'bind', source: path, options: ['rbind', 'ro'] })
  }
}

t.test('a user namespace whose root is nobody on the host', skip, async t => {
  const box = makeBundle(t)
  execFileSync('chmod', ['755', box.directory])
  execFileSync('chown', ['-R', '100000:100000', box.rootfs])
  chownSync(box.bundle, 100_000, 100_000)
  const restored = await again(box, {
    change: config => {
      const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
      config.linux.namespaces?.push({ type: 'user' })
      Object.assign(config.linux, { uidMappings: mappings, gidMappings: mappings })
    },
  })
  t.match(readFileSync(`/proc/${restored.pid}/uid_map`, 'utf8'), /^ *0 +100000 +65536$/m)
  const { uid, mode } = statSync(join(box.directory, 'images'))
  t.equal(uid, 0)
  t.equal(mode & 0o007, 0, 'nobody else may look into the images')
})

t.test("images are opened to root's group alone, and what they link to is not", { skip: missing('root') }, async t => {
  const { directory } = makeBundle(t)
  const [images, image, other] = ['images', 'images/core-1.img', 'other'].map(name => join(directory, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(images, { mode: 0o700 })
  for (const file of [image, other]) writeFileSync(file, '', { mode: 0o600 })
  symlinkSync(other, join(images, 'link'))
  symlinkSync('nowhere', join(images, 'dangling'))
  const mappings = [{ containerID: 0, hostID: 100_000, size: 1000 }]
  const linux = { namespaces: [{ type: 'user' as const }], uidMappings: mappings, gidMappings: mappings }
  const { config } = readConfig({ ociVersion: '1.2.0', root: { path: '/' }, linux })
  const view = (): void => closeFd(openImagesAs(config, images) ?? -1)
  view()
  t.same(
    [images, image, other].map(path => statSync(path).mode & 0o777),
    [0o750, 0o640, 0o600],
  )
  chownSync(image, 0, 1000)
  chmodSync(image, 0o600)
  t.throws(view, { code: 'ERR_CHECKPOINT_IMAGE', message: /core-1.img has the group 1000, .* chgrp/ } as const)
  t.equal(statSync(image).mode & 0o777, 0o600)
})

t.test('a network namespace by path is the same again', skip, async t => {
  const box = makeBundle(t)
  const name = box.id('net')
  execFileSync('ip', ['netns', 'add', name])
  try {
    const path = `/run/netns/${name}`
    const restored = await again(box, {
      change: config => {
        const network = config.linux.namespaces?.find(({ type }) => type === 'network')
        Object.assign(network ?? {}, { path })
      },
    })
    t.equal(statSync(`/proc/${restored.pid}/ns/net`).ino, statSync(path).ino)
    await restored.delete({ force: true })
  } finally {
    execFileSync('ip', ['netns', 'del', name])
  }
})

t.test('locks of files are held again, and sources of binds may be links', skip, async t => {
  const box = makeBundle(t)
  mkdirSync(join(box.directory, 'real'))
  writeFileSync(join(box.directory, 'real', 'file'), 'linked')
  symlinkSync('real', join(box.directory, 'link'))
  const restored = await again(box, {
    program: `exec 9>/tmp/lock; /usr/bin/flock 9 || exit 1; ${COUNTER}`,
    fileLocks: true,
    change: config => {
      withPrograms(config)
      config.mounts.push({ destination: '/data', type: 'bind', source: join(box.directory, 'link'), options: ['bind'] })
    },
  })
  t.equal((await restored.run({ args: ['/usr/bin/flock', '-n', '/tmp/lock', 'true'] })).exitCode, 1)
  t.equal((await restored.run({ args: ['/bin/cat', '/data/file'] })).stdout, 'linked')
})

t.test('limits are those of the configuration, and a filter of system calls is kept', skip, async t => {
  const box = makeBundle(t)
  const restored = await again(box, {
    change: config => {
      config.linux.resources = { pids: { limit: 20 } }
      const refused = { names: ['chroot'], action: 'SCMP_ACT_ERRNO' as const }
      config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refused] }
    },
  })
  t.match(await restored.stats(), { pids: { limit: 20n } })
  t.match(readFileSync(`/proc/${restored.pid}/status`, 'utf8'), /^NoNewPrivs:\t1\nSeccomp:\t2$/m)
})

/** One that writes its name and the state's pid to the file. */
const hook = (name: string, file: string) => [
  { path: '/bin/sh', args: ['sh', '-c', `echo ${name} $(grep -o '"pid": *[0-9]*') >> ${file}`] },
]

t.test('prestart and createRuntime run, with the new pid; one that fails leaves nothing', skip, async t => {
  const box = makeBundle(t)
  const file = join(box.directory, 'hooks')
  writeFileSync(file, '')
  const names = ['prestart', 'createRuntime', 'poststart'] as const
  const change = (config: TestConfig): void => {
    config.hooks = Object.fromEntries(names.map(name => [name, hook(name, file)]))
  }
  const { container } = await started(box, COUNTER, change)
  const imagePath = imagesIn(box)
  await container.checkpoint({ imagePath })
  writeFileSync(file, '')
  const restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath })
  const pid = `"pid":${restored.pid}`
  t.equal(readFileSync(file, 'utf8'), `prestart ${pid}\ncreateRuntime ${pid}\n`)
  await restored.delete({ force: true })
  box.configure(config => {
    config.process.args = ['/bin/sh', '-c', COUNTER]
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'exit 3'] }] }
  })
  await t.rejects(box.runtime.restore({ id: box.id(), bundle: box.bundle, imagePath }), { code: 'ERR_HOOK_EXIT' })
  t.same(await box.runtime.list(), [])
})

const withRunc = { ...skip, skip: missing('root', 'busybox', 'criu', 'runc') }

t.test('what runc has saved is restored, and runc restores what tsrun has saved', withRunc, async t => {
  const box = makeBundle(t)
  const tsrun = commandOn(box)
  const root = ['--root', join(box.directory, 'runc')]
  const runc = (args: readonly string[]) => execute('runc', [...root, ...args], { cwd: box.bundle })
  box.configure(config => (config.process.args = ['/bin/sh', '-c', 'exec >/dev/null 2>&1 </dev/null; sleep 1000']))
  const images = (name: string): string[] => ['--image-path', join(box.directory, name)]
  const id = box.id()
  t.teardown(() => runc(['delete', '--force', id]))
  t.equal(runc(['run', '--detach', id]).status, 0)
  t.match(runc(['checkpoint', ...images('theirs'), id]), { status: 0 })
  t.match(tsrun(['restore', '--detach', ...images('theirs'), id]), { status: 0 })
  t.match(tsrun(['exec', id, 'echo', 'goes on']), { stdout: 'goes on\n' })
  t.match(tsrun(['checkpoint', ...images('ours'), id]), { status: 0 })
  t.match(runc(['restore', '--detach', ...images('ours'), id]), { status: 0 })
  t.match(runc(['exec', id, 'echo', 'goes on']), { stdout: 'goes on\n' })
})

function daemon(t: Test, args: readonly string[]): void {
  const child = spawn('criu', args, { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
}

t.test('pages come when they are needed, or go to a page server', skip, async t => {
  const box = makeBundle(t)
  const { container } = await started(box)
  const imagePath = imagesIn(box)
  mkdirSync(imagePath, { recursive: true })
  const log = ['-vv', '-o', join(box.directory, 'daemon.log'), '-W', box.directory]
  const where = { address: '127.0.0.1', port: 20_000 + (process.pid % 10_000) }
  daemon(t, ['page-server', '--images-dir', imagePath, '--address', where.address, '--port', `${where.port}`, ...log])
  const isListening = () => readFileSync('/proc/net/tcp', 'utf8').includes(`:${where.port.toString(16).toUpperCase()} `)
  await until(isListening, 'the page server')
  await container.checkpoint({ imagePath, pageServer: where })
  rmSync(join(box.directory, 'daemon.log'), { force: true })
  daemon(t, ['lazy-pages', '--images-dir', imagePath, ...log])
  const isReady = () => readFileSync('/proc/net/unix', 'utf8').includes('lazy-pages.socket')
  await until(isReady, 'the daemon')
  const lazily = { imagePath, workPath: box.directory, lazyPages: true }
  const restored = await box.runtime.restore({ id: box.id(), bundle: box.bundle, ...lazily })
  await hasCounted(follow(restored))
  t.match(await restored.state(), { status: 'running' })
})
