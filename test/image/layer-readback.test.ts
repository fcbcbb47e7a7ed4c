import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { packLayer } from '../../lib/layer/pack.js'
import { missing } from '../needs.js'
import { everything } from './everything.js'
import { differences, folderFor, type Tree, treeOf, unpackTo } from './trees.js'

const skip = missing('root', 'python3')

/** A layout with one image of one layer, as image-spec has it. */
function layoutOf(folder: string, layer: Buffer, diffId: string): string {
  const layout = join(folder, 'layout')
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const blob = (bytes: Buffer, mediaType: string) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(layout, 'blobs/sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
  const type = (name: string): string => `application/vnd.oci.image.${name}`
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [diffId] } }
  const manifest = {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config: blob(json(config), type('config.v1+json')),
    layers: [blob(layer, type('layer.v1.tar+gzip'))],
  }
  const named = {
    ...blob(json(manifest), type('manifest.v1+json')),
    annotations: { 'org.opencontainers.image.ref.name': 'test' },
  }
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }))
  return layout
}

async function packed(source: string) {
  const { stream, result } = packLayer({ source, kind: 'directory', compression: 'gzip' })
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return { bytes: Buffer.concat(chunks), ...(await result) }
}

/** umoci leaves the time of the root as it made it, and out an attribute with an empty value. */
const asOfUmoci = (tree: Tree): Tree =>
  Object.fromEntries(
    Object.entries(tree).map(([path, node]) => {
      const xattrs = Object.fromEntries(Object.entries(node.xattrs).filter(([, value]) => value !== ''))
      return [path, { ...node, xattrs, ...(path === '.' ? { mtime: '' } : {}) }]
    }),
  )

t.test('umoci unpacks what has been packed, as it was', { skip: skip || missing('umoci') }, async t => {
  const folder = folderFor(t)
  const source = everything(folder)
  const { bytes, diffId } = await packed(source)
  const layout = layoutOf(folder, bytes, diffId)
  execFileSync('umoci', ['unpack', '--image', `${layout}:test`, join(folder, 'bundle')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  t.same(differences(asOfUmoci(treeOf(join(folder, 'bundle/rootfs'))), asOfUmoci(treeOf(source))), [])
})

const MANY = `for d in $(seq 100); do mkdir -p d$d/e; for f in $(seq 100); do echo $f > d$d/e/$f; done; done`

t.test('10,000 files are packed and unpacked as they were', { skip }, async t => {
  const source = join(folderFor(t), 'source')
  mkdirSync(source)
  execFileSync('bash', ['-c', MANY], { cwd: source })
  const { bytes, diffId } = await packed(source)
  const { path, entries } = await unpackTo(t, bytes, { diffId })
  t.equal(entries, 10_201)
  t.same(differences(treeOf(path), treeOf(source)), [])
})
