import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { LayerLimits } from '../../lib/layer/layer-limits.js'
import { type UnpackOptions, unpackLayer } from '../../lib/layer/unpack.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { header, type Made, paxHeader, paxRecord, tarOf } from './tars.js'
import { folderFor, treeOf, unpackTo } from './trees.js'

const skip = missing('root', 'python3')

interface Attack {
  readonly entries: readonly (Made | Buffer)[]
  readonly code: 'UNSAFE' | 'LIMIT' | 'FORMAT' | 'WRITE'
  readonly message: RegExp
  readonly entry?: string
  readonly limits?: LayerLimits
  readonly limit?: keyof LayerLimits | 'name'
}

const TAR = 'application/vnd.oci.image.layer.v1.tar'
const OUT = '../outside'
const dir = (name: string): Made => ({ name, type: '5', mode: 0o755 })
const link = (name: string, to: string): Made => ({ name, type: '2', link: to })
const hard = (name: string, to: string): Made => ({ name, type: '1', link: to })
const file = (name: string, more: Partial<Made> = {}): Made => ({ name, content: 'attack', ...more })
const long = (name: string, more: Readonly<Record<string, string>> = {}): Made => ({
  name: 'x',
  pax: { path: name, ...more },
})
const unsafe = (entries: Attack['entries'], message: RegExp, entry?: string): Attack => ({
  ...{ entries, code: 'UNSAFE', message },
  ...(entry === undefined ? {} : { entry }),
})
const above = (entries: Attack['entries'], limit: NonNullable<Attack['limit']>, limits: LayerLimits = {}): Attack => {
  const message = new RegExp(`is above the limit "${limit}"`)
  return { entries, code: 'LIMIT', message, limit, limits }
}

const NAMES: Readonly<Record<string, Attack>> = {
  'an absolute name': unsafe([file('/tmp/attack')], /absolute/, '/tmp/attack'),
  'a name that begins with ".."': unsafe([file('../attack')], /has "\.\."/),
  'a name with ".." in it': unsafe([dir('a/'), file('a/../../attack')], /has "\.\."/),
  'a name that is ".."': unsafe([dir('..')], /has "\.\."/),
  'a name with a NUL': unsafe([long('a\0b')], /NUL/),
  'no name': unsafe([file('')], /no name/),
  'the root as a link': unsafe([link('./', '/etc')], /root of the layer is a symlink/),
  'the root as a file': unsafe([file('.')], /root of the layer is a file/),
  '10,000 levels': above([long('d/'.repeat(10_000))], 'path'),
  '1,000 levels': above([long('d/'.repeat(1000))], 'depth'),
  'a name of 256 bytes': above([long('n'.repeat(256))], 'name'),
}

const LINKS: Readonly<Record<string, Attack>> = {
  'a file through a link out of the layer': unsafe([link('l', OUT), file('l/attack')], /symbolic link/, 'l/attack'),
  'a file through an absolute link': unsafe([link('l', '/tmp'), file('l/attack')], /symbolic link/),
  'a file through a link at the second step': unsafe(
    [dir('a/'), link('a/l', '../../outside'), file('a/l/b/attack')],
    /symbolic link/,
  ),
  'a file through a link to the layer itself': unsafe([dir('a/'), link('l', 'a'), file('l/attack')], /symbolic link/),
  'a directory below a link': unsafe([link('l', OUT), dir('l/d/')], /symbolic link/),
  'a link below a link': unsafe([link('l', OUT), link('l/m', 'x')], /symbolic link/),
  'a fifo below a link': unsafe([link('l', OUT), { name: 'l/p', type: '6' }], /symbolic link/),
  'a whiteout below a link': unsafe([link('l', OUT), { name: 'l/.wh.canary' }], /symbolic link/),
  'an opaque link': unsafe([link('l', OUT), { name: 'l/.wh..wh..opq' }], /symbolic link/),
  'a directory that has become a link': unsafe(
    [dir('d/'), file('d/x'), link('d', OUT), file('d/attack')],
    /symbolic link/,
  ),
  'a file below a file': unsafe([file('f'), file('f/attack')], /no directory/),
  'a hard link to what is outside': unsafe([hard('h', '../outside/canary')], /has "\.\."/),
  'a hard link to an absolute path': unsafe([hard('h', '/etc/passwd')], /absolute/),
  'a hard link through a link': unsafe([link('l', OUT), hard('h', 'l/canary')], /symbolic link/),
  'a hard link to the root': unsafe([hard('h', '.')], /root of the layer/),
  'a hard link to nothing': {
    entries: [hard('h', 'gone')],
    code: 'WRITE',
    message: /has not got what it links to/,
    entry: 'h',
  },
  'a hard link to a directory': { entries: [dir('d/'), hard('h', 'd')], code: 'WRITE', message: /EPERM/ },
  'a link that says nothing': unsafe([link('l', '')], /says nothing/),
  'a link of 5,000 bytes': above([{ name: 'l', type: '2', pax: { linkpath: 'x'.repeat(5000) } }], 'path'),
}

const WHITEOUTS: Readonly<Record<string, Attack>> = {
  'a whiteout of ".."': unsafe([{ name: 'd/.wh...' }], /whiteout of/),
  'a whiteout of "."': unsafe([{ name: '.wh..' }], /whiteout of/),
  'a whiteout of nothing': unsafe([{ name: 'd/.wh.' }], /whiteout of/),
  'a whiteout of a whiteout': unsafe([{ name: '.wh..wh.x' }], /reserved/),
  'what is below a whiteout': unsafe([file('.wh.x/y')], /below a whiteout/),
  'a whiteout with content': unsafe([file('.wh.x')], /empty file/),
  'a whiteout that is a link': unsafe([link('.wh.x', 'y')], /empty file/),
  'a whiteout as a device': unsafe([{ name: 'x', type: '3', device: [0, 0] }], /"\.wh\.NAME"/),
}

const ODD: Readonly<Record<string, Attack>> = {
  'a device that no kernel has': unsafe([{ name: 'n', type: '4', device: [5000, 1] }], /no device/),
  "an attribute of overlay's, of root": unsafe(
    [long('d', { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' })],
    /overlay's own/,
  ),
  "an attribute of overlay's, of a user": unsafe(
    [long('d', { 'SCHILY.xattr.user.overlay.opaque': 'y' })],
    /overlay's own/,
  ),
  'an attribute without a name': unsafe([long('d', { 'SCHILY.xattr.': 'y' })], /no name/),
  'an owner that is nobody': unsafe([long('d', { uid: '4294967295' })], /is no id/),
  'a negative owner': unsafe([file('f', { gid: -5, magic: 'gnu' })], /is no id/),
  'attributes of a megabyte': above(
    [long('d', Object.fromEntries([...'abcd'].map(n => [`SCHILY.xattr.user.${n}`, n.repeat(60_000)])))],
    'xattrs',
  ),
  'too many entries': above([file('a'), file('b'), file('c')], 'entries', { entries: 2 }),
  'too many bytes': above([file('a', { content: Buffer.alloc(100_000) })], 'bytes', { bytes: 65_536 }),
  'names of directories without end': above([dir(`${'d'.repeat(60)}/`), dir(`${'e'.repeat(60)}/`)], 'directories', {
    directories: 100,
  }),
  'an extension header of 2 MiB': above([header({ name: 'x', type: 'x' }, 2 ** 21)], 'header'),
  'a long name of 8 GiB': above([header({ name: 'x', type: 'L', magic: 'gnu' }, 2 ** 33)], 'header'),
  'global headers without end': above(
    Array.from({ length: 20 }, (_, i) => paxHeader(paxRecord(`comment${i}`, 'x'.repeat(60_000)), 'g')),
    'header',
  ),
  'a sparse file of 8 EiB': above(
    [long('s', { 'GNU.sparse.map': '0,0', 'GNU.sparse.size': String(2 ** 52) })],
    'sparse',
  ),
  'a sparse file whose parts overlap': {
    entries: [long('s', { 'GNU.sparse.map': '5,0,3,0', 'GNU.sparse.size': '9' })],
    code: 'FORMAT',
    message: /overlap/,
  },
  'a sparse file larger than its size': {
    entries: [long('s', { 'GNU.sparse.map': '5,6', 'GNU.sparse.size': '9' })],
    code: 'FORMAT',
    message: /not that of its bytes/,
  },
  'an entry of no type': { entries: [{ name: 'x', type: 'Z' }], code: 'FORMAT', message: /type "Z"/ },
  'a negative size': { entries: [header({ name: 'x', magic: 'gnu' }, -512)], code: 'FORMAT', message: /negative size/ },
  'a size without bytes': { entries: [header({ name: 'x' }, 2 ** 40)], code: 'FORMAT', message: /ends within a file/ },
  'a damaged header': { entries: [Buffer.alloc(512, 0x41)], code: 'FORMAT', message: /no tar archive/ },
  'a PAX record that is longer than its header': {
    entries: [paxHeader('99 path=x\n'), file('x')],
    code: 'FORMAT',
    message: /malformed record/,
  },
  'a PAX time that is none': { entries: [long('x', { mtime: '1e9' })], code: 'FORMAT', message: /no time/ },
}

/** A layer beside a directory that nothing of it may reach. */
function scene(t: Test): { parent: string; untouched(): void } {
  const parent = folderFor(t)
  const outside = join(parent, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'canary'), 'alive')
  const state = () => {
    const { mode, uid, nlink, mtimeMs } = statSync(join(outside, 'canary'))
    return { names: readdirSync(outside), mode, uid, nlink, mtimeMs, directory: statSync(outside).mtimeMs }
  }
  const before = state()
  const untouched = (): void => {
    t.same(state(), before, 'nothing outside has been touched')
    t.same(readdirSync(join(parent, 'layer')), [], 'nothing is left')
  }
  return { parent, untouched }
}

const attempt = (t: Test, parent: string, { entries, limits = {} }: Attack) =>
  unpackTo(t, tarOf(...entries), { parent, limits } as Partial<UnpackOptions> & { parent: string })

for (const [kind, attacks] of Object.entries({ names: NAMES, links: LINKS, whiteouts: WHITEOUTS, others: ODD })) {
  t.test(`attacks by ${kind} are told, and leave nothing`, { skip }, async t => {
    for (const [title, attack] of Object.entries(attacks)) {
      await t.test(title, async t => {
        const { parent, untouched } = scene(t)
        const { code, message, entry, limit } = attack
        const wanted = {
          name: 'LayerError',
          code: `ERR_LAYER_${code}`,
          message,
          ...(entry === undefined ? {} : { entry }),
          ...(limit === undefined ? {} : { limit }),
        }
        await t.rejects(attempt(t, parent, attack), wanted)
        untouched()
      })
    }
  })
}

const MANY = effort.times > 1 ? 1_000_000 : 5000

/** A million of them by night. */
function* manyFiles(): Generator<Buffer> {
  for (let at = 0; at <= MANY; at += 500)
    yield Buffer.concat(Array.from({ length: 500 }, (_, i) => header({ name: `d${i}/${at}` }, 0)))
}

t.test(`${MANY} entries leave nothing and take no memory`, { skip, timeout: 1_800_000 }, async t => {
  const { parent, untouched } = scene(t)
  const target = join(parent, 'layer')
  mkdirSync(target)
  const before = process.memoryUsage.rss()
  let most = before
  async function* stream() {
    for (const chunk of manyFiles()) {
      most = Math.max(most, process.memoryUsage.rss())
      yield chunk
    }
  }
  const unpacked = unpackLayer({
    stream: stream(),
    mediaType: TAR,
    target,
    overlay: 'trusted',
    limits: { entries: MANY },
  })
  await t.rejects(unpacked, { code: 'ERR_LAYER_LIMIT', limit: 'entries', value: MANY + 1 })
  untouched()
  const megabytes = (most - before) / 1e6
  t.ok(megabytes < 150, `${megabytes.toFixed()} MB`)
})

t.test('a link of a layer means nothing to the one above it', { skip }, async t => {
  const parent = folderFor(t)
  const outside = join(parent, 'outside')
  mkdirSync(outside)
  await unpackTo(t, tarOf(link('d', '../outside')), { parent })
  const { path } = await unpackTo(t, tarOf(file('d/attack')))
  t.same(readdirSync(outside), [])
  t.equal(readFileSync(join(path, 'd/attack'), 'utf8'), 'attack')
})

t.test('a set-user-ID program is not unpacked where other users reach it', { skip }, async t => {
  const parent = folderFor(t)
  chmodSync(parent, 0o755)
  const program = tarOf(file('su', { mode: 0o4755 }))
  await t.rejects(unpackTo(t, program, { parent }), {
    code: 'ERR_LAYER_UNSAFE',
    entry: 'su',
    message: /other users can reach/,
  })
  chmodSync(parent, 0o700)
  const again = join(parent, 'again')
  mkdirSync(again)
  const { path } = await unpackTo(t, program, { parent: again })
  t.equal(statSync(join(path, 'su')).mode & 0o7777, 0o4755)
})

t.test('the target may be named by a link, and must be an empty directory', { skip }, async t => {
  const folder = folderFor(t)
  mkdirSync(join(folder, 'real'))
  symlinkSync('real', join(folder, 'layer'))
  const tar = tarOf(file('x'))
  const { streamOf } = await import('./tars.js')
  const unpack = (target: string) => unpackLayer({ stream: streamOf(tar), mediaType: TAR, target, overlay: 'user' })
  await unpack(join(folder, 'layer'))
  t.same(readdirSync(join(folder, 'real')), ['x'])
  await t.rejects(unpack(join(folder, 'layer')), { code: 'ERR_SYSTEM', errno: 'ENOTEMPTY' })
  t.same(readdirSync(join(folder, 'real')), ['x'], 'what was there stays')
  await t.rejects(unpack(join(folder, 'gone')), { code: 'ERR_SYSTEM', errno: 'ENOENT' })
  await t.rejects(unpack(join(folder, 'real/x')), { code: 'ERR_SYSTEM', errno: 'ENOTDIR' })
})

t.test('names are bytes', { skip }, async t => {
  const names = ['latin-\xe4', 'broken-\xff\xfe', '\x01\n', ' ', '-rf', 'a b', '*', `${'\xe4'.repeat(255)}`]
  const { path } = await unpackTo(t, tarOf(...names.map(name => long(name)), link('l', '\xff\xe4')))
  const found = readdirSync(path, { encoding: 'latin1' }).toSorted()
  t.same(found, [...names, 'l'].toSorted())
  t.equal(treeOf(path).l?.content, '\xff\xe4')
})
