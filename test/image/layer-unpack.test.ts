import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { missing } from '../needs.js'
import { everything } from './everything.js'
import { gzipOf, tarOf } from './tars.js'
import { differences, folderFor, treeOf, unpackTo } from './trees.js'

const skip = missing('root', 'python3')

const TAR = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '-cf', '-']

t.test('what GNU tar has packed is unpacked as it was', { skip }, async t => {
  const folder = folderFor(t)
  const source = everything(folder)
  const wanted = treeOf(source)
  const formats = {
    pax: ['--format=pax'],
    sparse: ['--format=pax', '--sparse'],
    'sparse 0.1': ['--format=pax', '-S', '--sparse-version=0.1'],
  }
  for (const [name, options] of Object.entries({
    ...formats,
    'sparse 0.0': ['--format=pax', '-S', '--sparse-version=0.0'],
  })) {
    const tar = execFileSync('tar', [...options, ...TAR, '-C', source, '.'], { maxBuffer: 2 ** 30 })
    const { path, ...result } = await unpackTo(t, gzipSync(tar))
    t.same(differences(treeOf(path), wanted), [], name)
    t.equal(result.diffId, `sha256:${createHash('sha256').update(tar).digest('hex')}`)
    t.match(result, {
      entries: Object.keys(wanted).length,
      squashed: false,
      opaque: false,
      dropped: { xattrs: 0, devices: 0 },
    })
  }
})

t.test('the older formats of GNU tar have whole seconds and no attributes', { skip }, async t => {
  const folder = folderFor(t)
  const source = everything(folder)
  const reference = join(folder, 'reference')
  mkdirSync(reference)
  for (const format of ['gnu', 'oldgnu']) {
    const tar = execFileSync('tar', [`--format=${format}`, '-S', '--numeric-owner', '-cf', '-', '-C', source, '.'], {
      maxBuffer: 2 ** 30,
    })
    execFileSync('tar', ['-xpf', '-', '--numeric-owner', '-C', reference], { input: tar })
    const { path } = await unpackTo(t, tar)
    t.same(differences(treeOf(path), treeOf(reference)), [], format)
  }
})

t.test('whiteouts and opaque directories are as overlay has them', { skip }, async t => {
  const tar = tarOf(
    { name: 'a/', type: '5', mode: 0o755 },
    { name: 'a/.wh.gone' },
    { name: 'b/.wh..wh..opq' },
    { name: 'b/kept', content: 'x' },
    { name: '.wh.again' },
    { name: 'again/', type: '5', mode: 0o700 },
    { name: 'first/', type: '5' },
    { name: '.wh.first' },
    { name: 'file', content: 'x' },
    { name: '.wh.file' },
    { name: '.wh.above' },
    { name: 'above/below', content: 'x' },
  )
  for (const overlay of ['trusted', 'user'] as const) {
    const { path } = await unpackTo(t, tar, { overlay })
    const tree = treeOf(path)
    const opaque = { [`${overlay}.overlay.opaque`]: 'y' }
    t.match(tree['a/gone'], { mode: '0o20000', device: [0, 0] })
    for (const name of ['b', 'again', 'first', 'above']) t.same(tree[name]?.xattrs, opaque, name)
    t.same(tree.a?.xattrs, {})
    t.equal(tree.again?.mode, '0o40700')
    t.equal(tree.file?.mode, '0o100644', 'what the layer has itself stays')
    t.ok(tree['b/kept'] && tree['above/below'])
  }
  const { opaque } = await unpackTo(t, tarOf({ name: '.wh..wh..opq' }))
  t.equal(opaque, true)
})

t.test('a later entry takes the place of an earlier one', { skip }, async t => {
  const { path } = await unpackTo(
    t,
    gzipOf(
      { name: 'file', content: 'one' },
      { name: 'file', content: 'two', mode: 0o600 },
      { name: 'dir/deep/er', content: 'x' },
      { name: 'dir', content: 'now a file' },
      { name: 'link', type: '2', link: 'file' },
      { name: 'link', content: 'not through the link' },
      { name: 'other', content: 'x' },
      { name: 'other/', type: '5', mode: 0o711 },
      { name: 'twice/', type: '5', mode: 0o700 },
      { name: 'twice/in', content: 'x' },
      { name: 'twice/', type: '5', mode: 0o751, mtime: 5 },
      { name: 'self', content: 'x' },
      { name: 'self', type: '1', link: 'self' },
    ),
  )
  const tree = treeOf(path)
  t.equal(tree.file?.content, createHash('sha256').update('two').digest('hex'))
  t.equal(tree.file?.mode, '0o100600')
  t.equal(tree.dir?.mode, '0o100644')
  t.equal(tree.link?.mode, '0o100644')
  t.equal(tree.other?.mode, '0o40711')
  t.match(tree.twice, { mode: '0o40751', mtime: '5000000000' })
  t.ok(tree['twice/in'])
  t.ok(tree.self)
  t.same(readdirSync(path).sort(), ['dir', 'file', 'link', 'other', 'self', 'twice'])
})
