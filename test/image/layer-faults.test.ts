import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { isTsrunError } from '../../lib/errors.js'
import { unpackLayer } from '../../lib/layer/unpack.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { entry, gzipOf, header, type Made, streamOf, tarOf } from './tars.js'
import { folderFor, unpackTo } from './trees.js'

const skip = missing('root')
const TAR = 'application/vnd.oci.image.layer.v1.tar'
const some: readonly Made[] = [
  { name: 'a/', type: '5', mode: 0o755 },
  { name: 'a/b', content: 'x'.repeat(3000), pax: { mtime: '1.5' } },
  { name: 'a/l', type: '2', link: 'b' },
  { name: 'a/h', type: '1', link: 'a/b' },
  { name: 'n'.repeat(90), content: Buffer.alloc(100_000, 7) },
]
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const openFiles = (): number => readdirSync('/proc/self/fd').length

/** Our own processes that write layers. */
function writers(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children.map(Number).filter(pid => nameOf(pid) === 'tsrun-layer')
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

t.test('a stream that ends early is told, wherever it ends', { skip }, async t => {
  const [plain, packed] = [tarOf(...some), gzipOf(...some)]
  const parent = folderFor(t)
  const target = join(parent, 'layer')
  mkdirSync(target)
  const diffId = digestOf(plain)
  for (const [bytes, suffix, steps] of [
    [plain, '', 12],
    [packed, '+gzip', 12],
  ] as const) {
    for (let step = 1; step < steps; step++) {
      const stream = streamOf(bytes.subarray(0, Math.floor((bytes.length * step) / steps) + 1))
      const unpacked = unpackLayer({ stream, mediaType: `${TAR}${suffix}`, target, overlay: 'user', diffId })
      await t.rejects(unpacked, { name: 'LayerError', code: /^ERR_LAYER_(FORMAT|DIGEST)$/ })
      t.same(readdirSync(target), [])
    }
  }
})

t.test(
  'several gzip members one after the other are one stream; what follows the archive belongs to it',
  { skip },
  async t => {
    const plain = Buffer.concat([tarOf(...some), Buffer.from('trailing')])
    const members = [plain.subarray(0, 700), plain.subarray(700, 701), plain.subarray(701)].map(part => gzipSync(part))
    const { diffId, entries } = await unpackTo(t, Buffer.concat(members))
    t.equal(diffId, digestOf(plain))
    t.equal(entries, some.length)
  },
)

t.test('a layer with another digest, of another type, or a bomb is refused', { skip }, async t => {
  const parent = folderFor(t)
  const target = join(parent, 'layer')
  mkdirSync(target)
  const unpack = (bytes: Uint8Array, mediaType: string, more: object = {}) =>
    unpackLayer({ stream: streamOf(bytes), mediaType, target, overlay: 'user', ...more })
  await t.rejects(unpack(tarOf(...some), TAR, { diffId: digestOf(Buffer.from('x')) }), { code: 'ERR_LAYER_DIGEST' })
  await t.rejects(unpack(tarOf(...some), `${TAR}+gzip`), {
    code: 'ERR_LAYER_FORMAT',
    message: /gzip stream is damaged/,
  })
  await t.rejects(unpack(gzipOf(...some), TAR), { code: 'ERR_LAYER_FORMAT', message: /archive/ })
  await t.rejects(unpack(tarOf(...some), 'application/octet-stream'), {
    code: 'ERR_LAYER_FORMAT',
    message: /no media type/,
  })
  // Members of a MiB each, one like the other.
  const zeros = gzipSync(Buffer.alloc(2 ** 20))
  const bomb = Buffer.concat([gzipSync(header({ name: 'zeros' }, 300 * 2 ** 20)), ...Array(300).fill(zeros)])
  await t.rejects(unpack(bomb, `${TAR}+gzip`), { code: 'ERR_LAYER_LIMIT', limit: 'ratio' })
  await t.rejects(unpack(tarOf(), TAR, { limits: { size: 5 } }), {
    name: 'RangeError',
    message: /limits\.size is no limit/,
  })
  await t.rejects(unpack(tarOf(), TAR, { limits: { depth: 513 } }), { name: 'RangeError', message: /limits\.depth/ })
  t.same(readdirSync(target), [])
})

const hasZstd = 'createZstdDecompress' in (await import('node:zlib'))

t.test('zstd needs a Node that has it', { skip: hasZstd ? 'this Node has it' : skip }, async t => {
  const unpacked = unpackTo(t, tarOf(), { mediaType: `${TAR}+zstd` })
  await t.rejects(unpacked, { code: 'ERR_HOST_INSTALL', needs: /Node 22\.15/, remedy: /gzip/ })
})

/** Never ends, and waits after what it has. */
async function* hanging(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
  await new Promise(() => {})
}

t.test('an abort ends it in the middle, also if the download hangs', { skip }, async t => {
  const parent = folderFor(t)
  const target = join(parent, 'layer')
  mkdirSync(target)
  await unpackTo(t, tarOf(...some))
  const before = openFiles()
  for (const suffix of ['', '+gzip']) {
    const abort = new AbortController()
    const bytes = suffix === '' ? entry(some[1] as Made) : gzipOf(...some).subarray(0, 300)
    const unpacked = unpackLayer({
      stream: hanging(bytes),
      mediaType: `${TAR}${suffix}`,
      target,
      overlay: 'user',
      signal: abort.signal,
    })
    await until(() => writers().length === 1)
    abort.abort(new Error('enough'))
    await t.rejects(unpacked, /enough/)
    t.same(writers(), [], 'no process is left')
    t.same(readdirSync(target), [])
  }
  const aborted = unpackTo(t, tarOf(...some), { signal: AbortSignal.abort(new Error('before')) })
  await t.rejects(aborted, /before/)
  t.ok(openFiles() <= before, 'no descriptor is left')
})

t.test('a source that fails is told with its own error', { skip }, async t => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield gzipOf(...some).subarray(0, 200)
    throw new Error('connection lost')
  }
  for (const mediaType of [TAR, `${TAR}+gzip`]) {
    await t.rejects(
      unpackTo(t, Buffer.alloc(0), { stream: failing(), mediaType }),
      mediaType === TAR ? /no tar|connection lost/ : /connection lost/,
    )
  }
})

t.test('a writer that is killed is told at once', { skip }, async t => {
  const parent = folderFor(t)
  const target = join(parent, 'layer')
  mkdirSync(target)
  const unpacked = unpackLayer({ stream: hanging(entry(some[1] as Made)), mediaType: TAR, target, overlay: 'user' })
  await until(() => writers().length === 1)
  process.kill(writers()[0] as number, 'SIGKILL')
  await t.rejects(unpacked, { code: 'ERR_LAYER_DIED', message: /SIGKILL/ })
  t.same(readdirSync(target), [])
})

const HOST = `
import { unpackLayer } from './lib/layer/unpack.js'
async function* hanging() { process.stdout.write('reading\\n'); await new Promise(() => setInterval(() => {}, 1000)) }
void unpackLayer({ stream: hanging(), mediaType: '${TAR}', target: process.argv[1] as string, overlay: 'user' })
`

t.test('the writer ends with a host process that is killed', { skip }, async t => {
  const target = join(folderFor(t), 'layer')
  mkdirSync(target)
  const host = spawn(
    process.execPath,
    ['--import=tsx', '--input-type=module', '-e', HOST.replace(' as string', ''), target],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => host.kill('SIGKILL'))
  await new Promise(resolve => host.stdout.once('data', resolve))
  const children = (): number[] =>
    readFileSync(`/proc/${host.pid}/task/${host.pid}/children`, 'utf8').trim().split(' ').map(Number)
  await until(() => children().some(pid => nameOf(pid) === 'tsrun-layer'))
  const writer = children().find(pid => nameOf(pid) === 'tsrun-layer') as number
  host.kill('SIGKILL')
  await until(() => nameOf(writer) === '', 'the end of the writer')
})

/** A file system of that many bytes, in a mount namespace of the command. */
function onSmallDisk(t: Test, size: string, tar: Buffer): string {
  const folder = folderFor(t)
  writeFileSync(join(folder, 'tar'), tar)
  const script = `import { createReadStream, mkdirSync, readdirSync } from 'node:fs'
import { unpackLayer } from './lib/layer/unpack.js'
const [tar, target] = process.argv.slice(1)
mkdirSync(target)
try { await unpackLayer({ stream: createReadStream(tar), mediaType: '${TAR}', target, overlay: 'trusted' }) } catch (error) { console.log(JSON.stringify([error, readdirSync(target)])) }`
  const command = `mkdir disk; mount -t tmpfs -o size=${size} tmpfs disk && cd "$1" && exec "$2" --import=tsx --input-type=module -e "$0" "$3/tar" "$3/disk/layer"`
  return execFileSync(
    'unshare',
    ['-m', 'sh', '-c', `cd "$3"; ${command}`, script, process.cwd(), process.execPath, folder],
    { encoding: 'utf8' },
  )
}

t.test('a full disk is told with the entry, and what was written is removed', { skip }, async t => {
  const tar = tarOf({ name: 'small', content: 'x' }, { name: 'dir/large', content: Buffer.alloc(3_000_000, 1) })
  const [error, left] = JSON.parse(onSmallDisk(t, '1m', tar))
  t.match(error, { code: 'ERR_LAYER_WRITE', entry: 'dir/large', errno: 'ENOSPC' })
  t.same(left, [])
})

t.test('many at once do not disturb each other', { skip }, async t => {
  await unpackTo(t, tarOf(...some))
  const before = openFiles()
  const layers = Array.from({ length: 20 }, (_, i) => ({
    tar: gzipOf(...some, { name: 'own', content: `number ${i}` }),
    good: i % 3 > 0,
    i,
  }))
  await Promise.all(
    layers.map(async ({ tar, good, i }) => {
      const bytes = good ? tar : tar.subarray(0, tar.length - 30)
      const unpacked = unpackTo(t, bytes)
      if (!good) return t.rejects(unpacked, { code: 'ERR_LAYER_FORMAT' })
      return t.equal(readFileSync(join((await unpacked).path, 'own'), 'utf8'), `number ${i}`)
    }),
  )
  t.same(writers(), [])
  t.ok(openFiles() <= before, 'no descriptor is left')
})

const SWAP = `
import os, sys
os.chdir(sys.argv[1])
print('here', flush=True)
while True:
    for name in ('a', 'b', 'd'):
        try:
            os.rename(name, name + '.real'); os.symlink('../outside', name); os.unlink(name); os.rename(name + '.real', name)
        except OSError: pass
`

t.test(
  'nothing gets out, whoever swaps names in the target meanwhile',
  { skip: skip || missing('python3') },
  async t => {
    const parent = folderFor(t)
    const [target, outside] = [join(parent, 'layer'), join(parent, 'outside')]
    for (const path of [target, outside]) mkdirSync(path)
    const entries = Array.from({ length: 500 }, (_, i) => [
      { name: `${'abd'[i % 3]}/`, type: '5', mode: 0o755 },
      { name: `${'abd'[i % 3]}/deep/${i}`, content: 'x' },
      { name: `${'abd'[i % 3]}/.wh.${i}` },
    ]).flat()
    const swappers = [1, 2].map(() => spawn('python3', ['-c', SWAP, target], { stdio: ['ignore', 'pipe', 'ignore'] }))
    t.teardown(() => swappers.map(swapper => swapper.kill('SIGKILL')))
    await Promise.all(swappers.map(({ stdout }) => new Promise(resolve => stdout.once('data', resolve))))
    for (let i = 0; i < 4; i++) {
      try {
        await unpackLayer({ stream: streamOf(tarOf(...entries)), mediaType: TAR, target, overlay: 'trusted' })
      } catch (error) {
        t.ok(isTsrunError(error))
      }
      execFileSync('sh', ['-c', 'cd "$0" && find . -mindepth 1 -delete 2>/dev/null; :', target])
    }
    t.same(readdirSync(outside), [])
  },
)

t.test('damaged layers are unpacked or refused, and never anything else', { skip }, async t => {
  const good = tarOf(
    ...some,
    { name: 's', type: 'S', magic: 'gnu', content: '' },
    { name: 'x', pax: { 'GNU.sparse.map': '1,1', 'GNU.sparse.size': '9' }, content: 'y' },
  )
  let state = effort.seed >>> 0
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const parent = folderFor(t)
  const outside = join(parent, 'outside')
  mkdirSync(outside)
  let refused = 0
  for (let i = 0; i < 150 * effort.times; i++) {
    const bytes = Buffer.from(good)
    const target = join(parent, `layer-${i}`)
    mkdirSync(target)
    for (let n = random(6) + 1; n > 0; n--)
      bytes[random(2) === 0 ? random(bytes.length) : random(20) * 512 + random(512)] = random(256)
    try {
      await unpackLayer({ stream: streamOf(bytes, 1 + random(70_000)), mediaType: TAR, target, overlay: 'trusted' })
    } catch (error) {
      refused++
      if (!isTsrunError(error) || error.name !== 'LayerError' || error.code === 'ERR_LAYER_DIED') throw error
    }
  }
  t.ok(refused > 20)
  t.same(readdirSync(outside), [])
})
