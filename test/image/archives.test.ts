import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { openImages } from '../../lib/image/index.js'
import { missing } from '../needs.js'
import { command, makeLayout, scratch, tarOf } from './registry.js'
import { header } from './tars.js'

const open = (t: Parameters<typeof scratch>[0]) => openImages({ directory: join(scratch(t), 'store') })
const skip = missing('skopeo', 'umoci')
const LAYERS = [{ 'etc/a': 'one\n', 'etc/b': 'two\n' }, { 'etc/b': 'other\n' }]
const CONFIG = { Cmd: ['cat', '/etc/b'], Env: ['A=b'] }

t.test('a layout is imported, exported, and read by others', { skip }, async t => {
  const images = open(t)
  const layout = makeLayout(t, { layers: LAYERS, config: CONFIG })
  const [image] = await images.import(layout, { name: 'app:1' })
  t.equal(image?.name, 'docker.io/library/app:1')
  t.equal(image?.config.config?.Cmd?.[0], 'cat')

  t.test('as a layout', async t => {
    const path = join(scratch(t), 'layout')
    await images.export('app:1', path, { format: 'layout' })
    const rootfs = join(scratch(t), 'bundle')
    command('umoci', 'unpack', '--image', `${path}:docker.io/library/app:1`, rootfs)
    t.equal(readFileSync(join(rootfs, 'rootfs/etc/b'), 'utf8'), 'other\n')
    await t.rejects(images.export('app:1', path, { format: 'layout' }), { code: 'ERR_SYSTEM', errno: 'ENOTEMPTY' })
  })

  t.test('as an archive, which is one of OCI and one of Docker', async t => {
    const path = join(scratch(t), 'app.tar')
    await images.export('app:1', path)
    t.same(readdirSync(join(path, '..')), ['app.tar'], 'nothing is left beside it')
    for (const kind of ['oci-archive', 'docker-archive']) {
      const inspected = JSON.parse(command('skopeo', 'inspect', `${kind}:${path}`))
      t.equal(inspected.Layers.length, 2, kind)
    }
    const other = open(t)
    const [again] = await other.import(path)
    t.equal(again?.digest, image?.digest, 'it is the same image')
    t.equal(again?.name, image?.name)
  })

  t.test('umoci reads the store itself', async t => {
    const rootfs = join(scratch(t), 'bundle')
    command('umoci', 'unpack', '--image', `${images.directory}:docker.io/library/app:1`, rootfs)
    t.equal(readFileSync(join(rootfs, 'rootfs/etc/a'), 'utf8'), 'one\n')
  })
})

t.test("what skopeo writes as docker save does is imported, with its layers' digests checked", { skip }, async t => {
  const archive = join(scratch(t), 'docker.tar')
  command(
    'skopeo',
    'copy',
    `oci:${makeLayout(t, { layers: LAYERS, config: CONFIG })}:test`,
    `docker-archive:${archive}:some/app:2`,
  )
  const images = open(t)
  const [image] = await images.import(archive)
  t.equal(image?.name, 'docker.io/some/app:2')
  t.equal(image?.manifest.layers.length, 2)
  command('gzip', '-k', archive)
  const [compressed] = await open(t).import(`${archive}.gz`)
  t.equal(compressed?.digest, image?.digest)
})

t.test('an image of umoci', { skip }, async t => {
  const layout = join(scratch(t), 'layout')
  const bundle = join(scratch(t), 'bundle')
  command('umoci', 'init', '--layout', layout)
  command('umoci', 'new', '--image', `${layout}:mine`)
  command('umoci', 'unpack', '--image', `${layout}:mine`, bundle)
  writeFileSync(join(bundle, 'rootfs/file'), 'by umoci')
  command('umoci', 'repack', '--image', `${layout}:mine`, bundle)
  const images = open(t)
  await t.rejects(images.import(layout), { code: 'ERR_IMAGE_INVALID', message: /have no names/ })
  const [image] = await images.import(layout, { name: 'mine' })
  t.equal(image?.manifest.layers.length, 1)
  await using unpacked = await images.unpack('mine')
  t.equal(readFileSync(join(unpacked.layers[0] ?? '', 'file'), 'utf8'), 'by umoci')
})

t.test('layers are unpacked once, and kept while they are in use', { skip: missing('root') }, async t => {
  const images = open(t)
  await images.import(makeLayout(t, { layers: [...LAYERS, LAYERS[0] ?? {}] }), { name: 'app:1' })
  const kinds: string[] = []
  const unpacked = await images.unpack('app:1', { onProgress: ({ type }) => kinds.push(type) })
  t.equal(unpacked.layers.length, 2, 'a layer that is there twice is given once, where it is uppermost')
  t.same(kinds.filter(kind => kind === 'unpacked').length, 2)
  const [upper = ''] = unpacked.layers.slice(-1)
  t.equal(readFileSync(join(upper, 'etc/b'), 'utf8'), 'two\n')
  t.equal(statSync(upper).mode & 0o777, 0o755)
  t.same(readdirSync(join(images.directory, 'tsrun/unpacking')), [])
  await images.remove('app:1', { force: true })
  t.ok(existsSync(upper), 'in use')
  const holder = join(scratch(t), 'container')
  mkdirSync(holder)
  unpacked.keepWhile(holder)
  await unpacked.release()
  t.equal((await images.prune()).layers, 0, 'a container needs it')
  rmSync(holder, { recursive: true })
  t.equal((await images.prune()).layers, 2)
  t.notOk(existsSync(upper))
  t.same(readdirSync(join(images.directory, 'tsrun/leases')), [])
})

t.test('an image that a container uses is not removed', { skip: missing('root') }, async t => {
  const images = open(t)
  await images.import(makeLayout(t), { name: 'app:1' })
  const unpacked = await images.unpack('app:1')
  unpacked.keepWhile(scratch(t))
  await unpacked.release()
  await t.rejects(images.remove('app:1'), { code: 'ERR_IMAGE_IN_USE' })
  t.same((await images.prune({ all: true })).names, [])
})

t.test('several unpack the same at the same time, in one process and in none', { skip: missing('root') }, async t => {
  const images = open(t)
  await images.import(makeLayout(t, { layers: [{ big: Buffer.alloc(2_000_000, 1) }] }), { name: 'app:1' })
  const how: string[] = []
  const onProgress = (event: { type: string; how?: string }) => event.type === 'unpacked' && how.push(event.how ?? '')
  const all = await Promise.all(Array.from({ length: 5 }, () => images.unpack('app:1', { onProgress })))
  t.same(how.toSorted(), ['exists', 'exists', 'exists', 'exists', 'written'])
  for (const each of all) await each.release()
})

t.test('what is no image, or a broken one, is refused, and nothing is left', { skip }, async t => {
  const images = open(t)
  const folder = scratch(t)
  const archive = join(folder, 'x.tar')
  writeFileSync(archive, tarOf(t, { hello: 'x' }))
  await t.rejects(images.import(archive), { code: 'ERR_IMAGE_INVALID', message: /no archive of images/ })
  writeFileSync(archive, 'no archive'.repeat(100))
  await t.rejects(images.import(archive), { name: 'LayerError' })
  await t.rejects(images.import(join(folder, 'none')), { code: 'ERR_SYSTEM', errno: 'ENOENT' })
  const broken = makeLayout(t)
  const blobs = join(broken, 'blobs/sha256')
  const layer = readdirSync(blobs).find(name => readFileSync(join(blobs, name))[0] === 0x1f) ?? ''
  const bytes = readFileSync(join(blobs, layer))
  writeFileSync(join(blobs, layer), bytes.fill(0, 20, 22))
  await t.rejects(images.import(broken, { name: 'a' }), { code: 'ERR_IMAGE_DIGEST' })
  rmSync(join(blobs, layer))
  await t.rejects(images.import(broken, { name: 'a' }), { code: 'ERR_IMAGE_INVALID', message: /is missing/ })
  t.same(await images.list(), [])
  await images.prune()
  t.same(readdirSync(join(images.directory, 'blobs/sha256')), [])
  t.ok(lstatSync(join(images.directory, 'index.json')).isFile())
})

t.test('a name that leads out of an archive is refused', { skip }, async t => {
  const folder = scratch(t)
  const archive = join(folder, 'x.tar')
  writeFileSync(join(folder, 'file'), 'x')
  command('tar', '-C', folder, '-cf', archive, '-P', '--transform', 's,^file,../../manifest.json,', 'file')
  await t.rejects(open(t).import(archive), { code: 'ERR_IMAGE_INVALID', message: /leads out of it/ })
})

t.test('an archive that becomes a thousand times as large is not decompressed to its end', async t => {
  const images = open(t)
  const archive = join(scratch(t), 'x.tar.gz')
  const zeros = gzipSync(Buffer.alloc(2 ** 20))
  const parts = [gzipSync(header({ name: 'zeros' }, 2 ** 32)), ...Array(300).fill(zeros)]
  writeFileSync(archive, Buffer.concat(parts))
  const bomb = { code: 'ERR_IMAGE_INVALID', message: /a byte of it becomes more than 250/ }
  await t.rejects(images.import(archive), bomb)
  await t.rejects(images.importRoot(archive, 'x:1'), bomb)
  t.same(readdirSync(join(images.directory, 'tsrun/leases')), [])
})
