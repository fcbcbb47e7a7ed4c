import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { type PackOptions, packLayer } from '../../lib/layer/pack.js'
import { missing } from '../needs.js'
import { everything } from './everything.js'
import { differences, folderFor, treeOf, unpackTo } from './trees.js'

const skip = missing('root', 'python3')

async function packed(options: Partial<PackOptions> & { source: string }) {
  const { stream, result } = packLayer({ kind: 'directory', compression: 'none', ...options })
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return { bytes: Buffer.concat(chunks), ...(await result) }
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const namesIn = (tar: Buffer): string[] =>
  execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' }).trimEnd().split('\n')

t.test('a directory is packed as GNU tar and we ourselves unpack it', { skip }, async t => {
  const folder = folderFor(t)
  const source = everything(folder)
  const wanted = treeOf(source)
  const { bytes, diffId, digest, size } = await packed({ source })
  t.same([digest, diffId, size], [digestOf(bytes), digestOf(bytes), bytes.length])
  const reference = join(folder, 'reference')
  mkdirSync(reference)
  const options = ['-xpf', '-', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-C', reference]
  execFileSync('tar', options, { input: bytes })
  t.same(differences(treeOf(reference), wanted), [], 'GNU tar')
  const { path } = await unpackTo(t, bytes, { diffId })
  t.same(differences(treeOf(path), wanted), [], 'tsrun')
})

t.test('the same tree makes the same bytes, whatever the order on disk', { skip }, async t => {
  const folder = folderFor(t)
  const names = Array.from({ length: 300 }, (_, index) => `file-${(index * 7919) % 300}`)
  for (const [source, order] of [
    ['one', names],
    ['two', names.toReversed()],
  ] as const) {
    mkdirSync(join(folder, source))
    for (const name of order) writeFileSync(join(folder, source, name), name)
    execFileSync('touch', ['-d', '@1000000000', join(folder, source), ...names.map(name => join(folder, source, name))])
  }
  const [one, two] = [await packed({ source: join(folder, 'one') }), await packed({ source: join(folder, 'two') })]
  t.equal(one.diffId, two.diffId)
  t.same(namesIn(one.bytes), ['./', ...names.toSorted()])
  const gzip = await packed({ source: join(folder, 'one'), compression: 'gzip' })
  t.match(gzip, { diffId: one.diffId, digest: digestOf(gzip.bytes), size: gzip.bytes.length })
  t.same(gunzipSync(gzip.bytes), one.bytes)
})

const CHANGE = `
set -e; mkdir -p lower/dir/inner lower/gone upper work merged; echo a > lower/dir/file; echo b > lower/dropped; echo c > lower/dir/inner/x
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off,index=off merged; cd merged
rm dropped; rm -r gone; rm -r dir/inner; mkdir dir/inner; echo new > dir/inner/y; echo changed > dir/file; ln dir/file hard; echo z > .hidden
cd ..; umount merged
`

t.test('what a container has changed becomes whiteouts and opaque directories', { skip }, async t => {
  const folder = folderFor(t)
  execFileSync('unshare', ['-m', 'bash', '-c', CHANGE], { cwd: folder })
  const { bytes } = await packed({ source: join(folder, 'upper'), kind: 'upper' })
  const wanted = [
    './',
    '.hidden',
    '.wh.dropped',
    '.wh.gone',
    'dir/',
    'dir/file',
    'dir/inner/',
    'dir/inner/.wh..wh..opq',
    'dir/inner/y',
    'hard',
  ]
  t.same(namesIn(bytes).toSorted(), wanted)
  const { path, dropped } = await unpackTo(t, bytes)
  t.same(differences(withoutOverlay(treeOf(path)), withoutOverlay(treeOf(join(folder, 'upper')))), [])
  t.equal(dropped.xattrs, 0)
  await t.rejects(packed({ source: join(folder, 'upper') }), {
    code: 'ERR_LAYER_UNSAFE',
    message: /device 0:0 is a whiteout/,
  })
})

/** Overlay's own notes but for `opaque`, the number of names that it gives its whiteouts, and their times. */
function withoutOverlay(tree: ReturnType<typeof treeOf>): ReturnType<typeof treeOf> {
  return Object.fromEntries(
    Object.entries(tree).map(([path, node]) => {
      const isWhiteout = node.mode === '0o20000'
      const xattrs = Object.fromEntries(
        Object.entries(node.xattrs).filter(([name]) => !/overlay\.(?!opaque)/.test(name)),
      )
      return [path, { ...node, xattrs, ...(isWhiteout ? { links: null, mtime: '0' } : {}) }]
    }),
  )
}

t.test('what can not be in a layer is refused, and sockets are left out', { skip }, async t => {
  const folder = folderFor(t)
  execFileSync('python3', ['-c', 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'], { cwd: folder })
  t.same(namesIn((await packed({ source: folder })).bytes), ['./'])
  writeFileSync(join(folder, '.wh.file'), '')
  await t.rejects(packed({ source: folder }), { code: 'ERR_LAYER_UNSAFE', entry: '.wh.file' })
  await t.rejects(packed({ source: join(folder, 'none') }), { code: 'ERR_SYSTEM', errno: 'ENOENT' })
})

const openFiles = (): number => readdirSync('/proc/self/fd').length

t.test('a layer that is left, or aborted, leaves nothing', { skip }, async t => {
  const folder = folderFor(t)
  for (let index = 0; index < 2000; index++) writeFileSync(join(folder, `file-${index}`), 'x'.repeat(2000))
  await packed({ source: folder })
  const before = openFiles()
  const left = packLayer({ source: folder, kind: 'directory', compression: 'gzip' })
  for await (const _ of left.stream) break
  await t.rejects(left.result, { code: 'ERR_LAYER_FORMAT', message: /to its end/ })
  const abort = new AbortController()
  const aborted = packLayer({ source: folder, kind: 'directory', compression: 'none', signal: abort.signal })
  const reading = (async () => {
    for await (const _ of aborted.stream) abort.abort(new Error('enough'))
  })()
  await t.rejects(reading, /enough/)
  await t.rejects(aborted.result, /enough/)
  t.ok(openFiles() <= before, 'no descriptor is left')
})
