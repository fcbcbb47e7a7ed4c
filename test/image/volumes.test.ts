/** Volumes: filled from an image once, whole or not at all, and never removed from under a container. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Images, openImages, runtimeConfig } from '../../lib/image/index.js'
import { TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { command, scratch } from './registry.js'
import { differences, treeOf } from './trees.js'

const open = (t: Test): Images => openImages({ directory: join(scratch(t), 'store') })
const asRoot = { skip: missing('root') }
const inContainers = { skip: missing('root', 'busybox', 'libseccomp') }
const IMAGE = 'base:1'
const mounts = [{ volume: 'data', target: '/srv' }]

/** An image with a directory of all sorts, which its second layer changes. Returns where its layers came from. */
async function layered(t: Test, images: Images): Promise<readonly string[]> {
  const [root, upper] = [scratch(t), scratch(t)]
  for (const name of ['srv/kept', 'srv/gone', 'srv/hidden', 'srv/other'])
    mkdirSync(join(root, name), { recursive: true })
  for (const name of ['a', 'b', 'kept/one', 'gone/x', 'hidden/x', 'other/x'])
    writeFileSync(join(root, 'srv', name), name)
  linkSync(join(root, 'srv/a'), join(root, 'srv/kept/a again'))
  symlinkSync('../../etc/passwd', join(root, 'srv/link'))
  symlinkSync('srv', join(root, 'to srv'))
  chmodSync(join(root, 'srv'), 0o2750)
  chownSync(join(root, 'srv'), 33, 44)
  chownSync(join(root, 'srv/a'), 1234, 2345)
  chmodSync(join(root, 'srv/a'), 0o640)
  await images.importRoot(root, 'lower:1')

  mkdirSync(join(upper, 'srv/hidden'), { recursive: true })
  mkdirSync(join(upper, 'srv/kept'))
  chmodSync(join(upper, 'srv'), 0o1777)
  for (const name of ['b', 'kept/two', 'hidden/new', 'other']) writeFileSync(join(upper, 'srv', name), `new ${name}`)
  command('mknod', join(upper, 'srv/gone'), 'c', '0', '0')
  const opaque = 'import os,sys; os.setxattr(sys.argv[1], "trusted.overlay.opaque", b"y")'
  command('python3', '-c', opaque, join(upper, 'srv/hidden'))
  await images.commit(upper, IMAGE, { base: 'lower:1' })
  return [root, upper]
}

t.test('a new volume has what a container would see', asRoot, async t => {
  const images = open(t)
  const [root = '', upper = ''] = await layered(t, images)
  await using unpacked = await images.unpack(IMAGE, { mounts: [{ volume: 'data', target: '/to srv/', mode: 'ro' }] })
  const [mount] = unpacked.mounts
  t.match(mount, { destination: '/to srv/', type: 'bind', options: ['rbind', 'nosuid', 'nodev', 'ro'] })
  const path = mount?.source ?? ''
  t.equal(path, join(images.directory, 'tsrun/volumes/data/data'))
  const [seen, merged] = [scratch(t), scratch(t)]
  const script = 'mount -t overlay overlay -o "lowerdir=$1:$2" "$3" && cp -a "$3/srv" "$4"'
  command('unshare', '-m', 'sh', '-ec', script, 'sh', upper, root, merged, seen)
  t.same(differences(treeOf(path), treeOf(join(seen, 'srv'))), [])
  t.same(readdirSync(path), ['a', 'b', 'hidden', 'kept', 'link', 'other'])
  t.same(readdirSync(join(path, 'hidden')), ['new'])
  t.equal(statSync(path).mode & 0o7777, 0o1777)
  t.match(lstatSync(join(path, 'a')), { uid: 1234, gid: 2345, nlink: 2 })
})

t.test('a volume is filled once, and stays as it is then', asRoot, async t => {
  const images = open(t)
  await layered(t, images)
  t.same(await images.volumes.list(), [])
  t.same(await images.volumes.create('data'), { name: 'data', path: null, inUse: false })
  t.same(await images.volumes.create('data'), { name: 'data', path: null, inUse: false }, 'again')
  const first = await images.unpack(IMAGE, { mounts })
  const path = first.mounts[0]?.source ?? ''
  rmSync(join(path, 'a'))
  writeFileSync(join(path, 'mine'), 'kept')
  await first.release()
  await using second = await images.unpack('lower:1', { mounts: [...mounts, { volume: 'none', target: '/none' }] })
  t.equal(second.mounts.length, 2)
  t.notOk(existsSync(join(path, 'a')))
  t.equal(readFileSync(join(path, 'mine'), 'utf8'), 'kept')
  const empty = second.mounts[1]?.source ?? ''
  t.same(readdirSync(empty), [], 'the image has nothing there')
  t.equal(statSync(empty).mode & 0o7777, 0o755)
  t.same(readdirSync(join(images.directory, 'tsrun/unpacking')), [])
})

t.test('many use a new volume at the same time', asRoot, async t => {
  const images = open(t)
  await layered(t, images)
  const other = openImages({ directory: images.directory })
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, index) => (index % 2 ? images : other).unpack(IMAGE, { mounts })),
  )
  const path = all[0]?.mounts[0]?.source ?? ''
  t.same(readdirSync(path), ['a', 'b', 'hidden', 'kept', 'link', 'other'])
  for (const each of all) await each.release()
  t.same(readdirSync(join(images.directory, 'tsrun/unpacking')), [])
})

t.test('one in use is not removed, by no one', asRoot, async t => {
  const images = open(t)
  await layered(t, images)
  const { volumes } = images
  const unpacked = await images.unpack(IMAGE, { mounts })
  const path = unpacked.mounts[0]?.source ?? ''
  await volumes.create('idle')
  await t.rejects(volumes.remove('data'), { code: 'ERR_VOLUME_IN_USE', path: join(path, '..') })
  t.same(await volumes.prune(), ['idle'])
  t.same(await volumes.list(), [{ name: 'data', path, inUse: true }])
  const container = scratch(t)
  unpacked.keepWhile(container)
  await unpacked.release()
  await t.rejects(volumes.remove('data'), { code: 'ERR_VOLUME_IN_USE' }, 'its container is there')
  await images.prune({ all: true })
  t.ok(existsSync(join(path, 'a')), 'images come and go without it')
  rmSync(container, { recursive: true })
  await volumes.remove('data')
  t.same(await volumes.list(), [])
  await t.rejects(volumes.remove('data'), { code: 'ERR_VOLUME_NOT_FOUND' })
  t.same(readdirSync(join(images.directory, 'tsrun/unpacking')), [])
})

t.test('a user without privileges has volumes of its own files', asRoot, async t => {
  const directory = scratch(t)
  chownSync(directory, 65534, 65534)
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']
  const said = command('setpriv', ...nobody, process.execPath, 'test/image/volume-as.mjs', directory)
  t.same(JSON.parse(said), {
    seen: [
      { mode: '555', names: ['both', 'closed'] },
      { mode: '755', names: [] },
    ],
    rootMode: '555',
    both: ['one', 'two'],
    removed: ['v0', 'v1'],
    left: [],
  })
})

t.test('what is wrong is told, and nothing is made', async t => {
  const images = open(t)
  for (const name of ['', '.', '..', 'a/b', '-a', 'a\n', 'ä', 'a'.repeat(129)]) {
    await t.rejects(images.volumes.create(name), { code: 'ERR_VOLUME_NAME' }, JSON.stringify(name))
    await t.rejects(images.volumes.remove(name), { code: 'ERR_VOLUME_NAME' }, JSON.stringify(name))
    const wrong = [{ volume: name, target: '/x' }]
    await t.rejects(images.unpack('x', { mounts: wrong }), { code: 'ERR_VOLUME_NAME' })
  }
  for (const [mount, message] of [
    [{ volume: 'a', target: 'x' }, /mounts\[0\]\.target: must be an absolute path/],
    [{ volume: 'a', target: '/' }, /mounts\[0\]\.target/],
    [{ volume: 'a', target: '/x', mode: 'w' }, /mounts\[0\]\.mode/],
    [{ volume: 'a', target: '/x', source: '/y' }, /source: is no option of mounts\[0\]/],
  ] as const) {
    const given = { mounts: [mount] } as unknown as Parameters<Images['unpack']>[1]
    await t.rejects(images.unpack('x', given), { code: 'ERR_CONFIG_INVALID', message })
  }
  await t.rejects(images.volumes.remove('none'), { code: 'ERR_VOLUME_NOT_FOUND' })
  t.same(await images.volumes.prune(), [])
  t.notOk(existsSync(images.directory))
  const signal = AbortSignal.abort(new Error('no more'))
  await t.rejects(images.volumes.create('a', { signal }), { message: 'no more' })
})

t.test('the mounts are in a configuration', async t => {
  const mount = { destination: '/srv', type: 'bind', source: '/x', options: ['rbind'] }
  const image = { config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } } } as const
  const { mounts = [] } = runtimeConfig(image, [], { args: ['/x'], mounts: [mount] })
  t.same(mounts.at(-1), mount)
})

/** The files of a root with busybox, and so many files in /srv. */
function makeRoot(t: Test, files: number): string {
  const root = scratch(t)
  chmodSync(root, 0o755)
  mkdirSync(join(root, 'bin'))
  mkdirSync(join(root, 'srv'))
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  symlinkSync('busybox', join(root, 'bin/sh'))
  for (let index = 0; index < files; index++) writeFileSync(join(root, 'srv', String(index)), 'x'.repeat(100))
  return root
}

let count = 0

function prepared(t: Test) {
  const directory = scratch(t)
  const store = join(directory, 'store')
  const on =
    (what: string) =>
    (...args: readonly string[]) =>
      tsrun([what, ...args, '--store', store])
  const words = (...args: readonly string[]) => ['--root', join(directory, 'state'), 'run', '--store', store, ...args]
  const run = (...args: readonly string[]) => tsrun(words('--image', IMAGE, ...args))
  const remove = (id: string) => tsrun(['--root', join(directory, 'state'), 'delete', '--force', id])
  const id = () => `tsrun-volume-${process.pid}-${count++}`
  return { store, words, run, remove, id, image: on('image'), volume: on('volume') }
}

t.test('kill -9 during the first fill leaves no half of a volume', inContainers, async t => {
  const { store, image, run, words, id } = prepared(t)
  const files = 3000
  t.equal(image('import', '--as-root', makeRoot(t, files), IMAGE).status, 0)
  image('unpack', '-q', IMAGE)
  const args = [
    '--image',
    IMAGE,
    '--volume',
    'data:/srv',
    id(),
    '--',
    '/bin/sh',
    '-c',
    'busybox ls /srv | busybox wc -l',
  ]
  const child = spawn(process.execPath, [TSRUN, ...words(...args)], { stdio: 'ignore' })
  const half = join(store, 'tsrun/unpacking/volumes-data/tree/data')
  await until(() => existsSync(half) && readdirSync(half).length > 10, 'a part of the volume')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.notOk(existsSync(join(store, 'tsrun/volumes/data')), 'no volume')
  t.ok(existsSync(half), 'it was in the middle')
  t.match(run(...args.slice(2)), { status: 0, stdout: `${files}\n` })
  t.same(readdirSync(join(store, 'tsrun/unpacking')), [])
})

t.test('containers have it, one after the other and at once', inContainers, async t => {
  const { image, volume, run, remove, id } = prepared(t)
  t.equal(image('import', '--as-root', makeRoot(t, 2), IMAGE).status, 0)
  t.match(volume('create', 'data', 'idle'), { status: 0, stdout: 'data\nidle\n' })
  t.match(volume('ls').stdout, /^NAME +IN USE +PATH\ndata +no +-\nidle +no +-\n$/)
  const script = (text: string) => ['--', '/bin/sh', '-c', text]
  const first = run('--volume', 'data:/srv', id(), ...script('cd /srv; busybox ls; echo mine > own; busybox rm 0'))
  t.match(first, { status: 0, stdout: '0\n1\n' }, first.stderr)
  t.match(run('--volume', 'data:/new', id(), ...script('busybox ls /new; busybox ls /srv')), {
    stdout: '1\nown\n0\n1\n',
  })
  const readOnly = run('--volume', 'data:/srv:ro', id(), ...script('echo x > /srv/own'))
  t.match(readOnly, { status: 1, stderr: /Read-only file system/ })

  const [one, two] = [id(), id()]
  t.teardown(() => void [remove(one), remove(two)])
  for (const each of [one, two]) {
    const text = `echo ${each} >> /srv/own; read x`
    const started = run('--volume', 'data:/srv', '--detach', each, ...script(text))
    t.equal(started.status, 0, started.stderr)
  }
  const [{ path }] = JSON.parse(volume('ls', '--format', 'json').stdout)
  await until(() => readFileSync(join(path, 'own'), 'utf8').includes(two), 'both have written')
  t.equal(readFileSync(join(path, 'own'), 'utf8'), `mine\n${one}\n${two}\n`)
  t.match(volume('rm', 'data'), { status: 1, stderr: /volume rm failed: the volume data is in use/ })
  remove(one)
  t.match(volume('prune'), { status: 0, stdout: /^idle\n$/ })
  remove(two)
  t.match(volume('ls', '-q'), { status: 0, stdout: 'data\n' })
  t.match(volume('rm', 'data'), { status: 0 })
  t.equal(volume('ls', '-q').stdout, '')
})

t.test('what is wrong with the words is told', { skip: missing('root') }, async t => {
  const { volume, run } = prepared(t)
  for (const [outcome, message] of [
    [volume('frob'), /volume has no frob/],
    [volume('create'), /requires a minimum of 1/],
    [volume('rm', 'x', '-q'), /--quiet is no flag of volume rm/],
    [volume('ls', '--format', 'yaml'), /invalid format option: yaml/],
    [volume('create', 'a/b'), /no name of a volume/],
    [volume('rm', 'none'), /there is no volume none/],
    [run('--volume', 'data', 'c'), /write NAME:TARGET/],
    [run('--volume', '/etc:/x', 'c'), /write NAME:TARGET/],
    [run('--volume', 'a:/x:rx', 'c'), /write NAME:TARGET/],
    [tsrun(['run', '--volume', 'a:/x', 'c']), /--volume needs --image/],
  ] as const) {
    t.equal(outcome.status, 1)
    t.match(outcome.stderr, message)
  }
})
