import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ImageProgress, openImages } from '../../lib/image/index.js'
import { missing } from '../needs.js'
import { command, digestOf, makeLayout, scratch, seed, startRegistry } from './registry.js'

t.test(
  'an image is pulled, and its parts are where an image layout has them',
  { skip: missing('docker-registry', 'skopeo') },
  async t => {
    const registry = await startRegistry(t)
    seed(registry, makeLayout(t, { layers: [{ a: 'x'.repeat(100_000) }, { b: 'y' }] }), 'test/app:1')
    const directory = join(scratch(t), 'store')
    const images = openImages({ directory })
    const events: ImageProgress[] = []
    const image = await images.pull(`${registry.host}/test/app:1`, { onProgress: event => events.push(event) })
    t.equal(image.name, `${registry.host}/test/app:1`)
    t.equal(image.manifest.layers.length, 2)
    for (const { digest } of [image.manifest.config, ...image.manifest.layers]) {
      t.equal(digestOf(readFileSync(join(directory, 'blobs/sha256', digest.slice(7)))), digest)
    }
    t.same(readdirSync(join(directory, 'tsrun/partial')), [], 'nothing is left of what was on its way')
    t.same(readdirSync(join(directory, 'tsrun/leases')), [])
    t.equal(events[0]?.type, 'resolved')
    t.equal(events.filter(({ type }) => type === 'transferred').length, 2)

    t.test('skopeo reads it', async t => {
      const inspected = JSON.parse(command('skopeo', 'inspect', `oci:${directory}:${image.name}`))
      t.equal(inspected.Digest, image.digest)
    })

    t.test('a second pull fetches nothing', async t => {
      const again: ImageProgress[] = []
      await images.pull(`${registry.host}/test/app:1`, { onProgress: event => again.push(event) })
      t.ok(again.every(event => event.type === 'resolved' || (event.type === 'transferred' && event.how === 'exists')))
      t.equal((await images.list()).length, 1)
    })

    t.test('what nobody needs is pruned, and what has a name stays', async t => {
      const stray = join(directory, 'blobs/sha256', 'b'.repeat(64))
      writeFileSync(stray, 'nobody needs it')
      t.same(await images.prune(), { names: [], blobs: [`sha256:${'b'.repeat(64)}`], layers: 0, bytes: 15 })
      t.notOk(existsSync(stray))
      t.equal((await images.get(`${registry.host}/test/app:1`)).digest, image.digest)
      await images.tag(image.digest, 'other')
      t.same((await images.remove(`${registry.host}/test/app:1`)).blobs, [], 'another name leads to it')
      t.equal((await images.remove('other')).blobs.length, 4)
      t.same(readdirSync(join(directory, 'blobs/sha256')), [])
    })
  },
)

t.test('errors say what is wrong', { skip: missing('docker-registry') }, async t => {
  const registry = await startRegistry(t)
  const images = openImages({ directory: join(scratch(t), 'store') })
  await t.rejects(images.pull(`${registry.host}/no/such`), {
    code: 'ERR_REGISTRY_NOT_FOUND',
    status: 404,
    message: /manifests\/latest/,
  })
  await t.rejects(images.get('no/such'), { code: 'ERR_IMAGE_NOT_FOUND' })
  await t.rejects(images.pull('x', { singal: 1 } as object), {
    code: 'ERR_CONFIG_INVALID',
    message: /did you mean "signal"/,
  })
  await t.rejects(images.pull('192.0.2.1:5000/a', { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
})
