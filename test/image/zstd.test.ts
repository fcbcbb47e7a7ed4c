/** Layers that are compressed with zstd, by a Node that has it, and by one that has not. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { execute, type Outcome, TSRUN } from '../command.js'
import { missing, SYSTEMS, systems } from '../needs.js'
import { command, makeLayout, scratch, startRegistry } from './registry.js'

const skip = missing('root', 'docker-registry', 'skopeo', 'systems')
const newer = resolve(SYSTEMS, systems.find(name => name.startsWith(`${process.arch}-`)) ?? '', 'node')

/** The name of an image in a registry, which skopeo has compressed with zstd. */
async function zstdImage(t: Test): Promise<string> {
  const { host } = await startRegistry(t)
  const layout = makeLayout(t, { layers: [{ 'etc/hello': 'hello\n', large: Buffer.alloc(1_000_000, 'zstd') }] })
  const how = ['--dest-compress-format', 'zstd', '--dest-tls-verify=false']
  command('skopeo', 'copy', ...how, `oci:${layout}:test`, `docker://${host}/z/z:1`)
  return `${host}/z/z:1`
}

const image = (node: string, store: string, ...words: readonly string[]): Outcome =>
  execute(node, [TSRUN, 'image', ...words, '--store', store])

t.test('a newer Node unpacks them, and makes them', { skip }, async t => {
  const name = await zstdImage(t)
  const store = join(scratch(t), 'store')
  const pulled = image(newer, store, 'pull', '--unpack', name)
  t.equal(pulled.status, 0, pulled.stderr)
  const { manifest } = JSON.parse(image(newer, store, 'inspect', name).stdout)
  t.match(manifest.layers, [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }])
  const [layer = ''] = image(newer, store, 'unpack', '-q', name).stdout.trim().split('\n')
  t.equal(readFileSync(join(layer, 'etc/hello'), 'utf8'), 'hello\n')
  t.equal(readFileSync(join(layer, 'large')).length, 1_000_000)

  const made = `
    const { openImages } = await import('${resolve('dist/image/index.js')}')
    const images = openImages({ directory: '${store}' })
    const { manifest, config } = await images.importRoot('${layer}', 'made:1', { compression: 'zstd' })
    console.log(JSON.stringify([manifest.layers[0].digest, config.rootfs.diff_ids[0]]))`
  const [digest = '', diffId] = JSON.parse(command(newer, '--input-type=module', '-e', made))
  const plain = join(scratch(t), 'plain')
  command('skopeo', 'copy', '--dest-decompress', `oci:${store}:docker.io/library/made:1`, `dir:${plain}`)
  const manifests = JSON.parse(readFileSync(join(plain, 'manifest.json'), 'utf8'))
  t.not(digest, diffId)
  t.equal(manifests.layers[0].digest, diffId, 'skopeo finds the same archive in it')
})

const hasZstd = 'createZstdDecompress' in (await import('node:zlib'))

t.test('an older one says what it takes', { skip: hasZstd ? 'this Node has it' : skip }, async t => {
  const name = await zstdImage(t)
  const store = join(scratch(t), 'store')
  const pulled = image(process.execPath, store, 'pull', '--unpack', name)
  t.match(pulled, { status: 1, stderr: /needs Node 22\.15 or newer.*compressed with gzip/s })
  t.equal(image(newer, store, 'pull', '--unpack', name).status, 0, 'the same store goes on with a newer one')
})
