import t from 'tap'
import { readImageConfig, readIndex, readManifest, typeOfDocument } from '../../lib/image/documents.js'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../../lib/image/media-types.js'
import { OCI_LAYER } from '../../lib/layer/layer-types.js'

const digest = `sha256:${'1'.repeat(64)}`
const layer = { mediaType: OCI_LAYER, digest, size: 10 }
const manifest = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: { mediaType: OCI_CONFIG, digest, size: 2 },
  layers: [layer],
}
const index = {
  schemaVersion: 2,
  manifests: [{ mediaType: OCI_MANIFEST, digest, size: 3, platform: { os: 'linux', architecture: 'amd64' } }],
}
const config = {
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [digest] },
  config: { Env: null },
}

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const manifestOf = (value: unknown, type = OCI_MANIFEST) => readManifest(bytes(value), { what: 'it', type })
const indexOf = (value: unknown, type = OCI_INDEX) => readIndex(bytes(value), { what: 'it', type })
const configOf = (value: unknown, layers = 1) => readImageConfig(bytes(value), { what: 'it', layers })

t.test('what is right is taken', async t => {
  t.equal(manifestOf(manifest).layers[0]?.digest, digest)
  t.equal(indexOf(index).manifests.length, 1)
  t.equal(configOf(config).architecture, 'amd64')
})

const wrong: readonly (readonly [string, () => unknown, string, RegExp])[] = [
  ['no JSON', () => manifestOf('{'), '', /must be/],
  ['a key twice', () => manifestOf('{"schemaVersion":2,"schemaVersion":2}'), '/schemaVersion', /./],
  ['another version', () => manifestOf({ ...manifest, schemaVersion: 1 }), '/schemaVersion', /from 2 to 2/],
  [
    'another type than it came with',
    () => manifestOf({ ...manifest, mediaType: DOCKER_MANIFEST }),
    '/mediaType',
    /came as/,
  ],
  ['a manifest that is an index too', () => manifestOf({ ...manifest, manifests: [] }), '/manifests', /no member/],
  ['an index that is a manifest too', () => indexOf({ ...index, layers: [] }), '/layers', /no member/],
  [
    'a layer of another kind',
    () => manifestOf({ ...manifest, layers: [{ ...layer, mediaType: 'text/plain' }] }),
    '/layers/0/mediaType',
    /no layer/,
  ],
  [
    'a digest that is none',
    () => manifestOf({ ...manifest, layers: [{ ...layer, digest: 'sha256:../../etc' }] }),
    '/layers/0/digest',
    /digest/,
  ],
  ['a size below 0', () => manifestOf({ ...manifest, layers: [{ ...layer, size: -1 }] }), '/layers/0/size', /integer/],
  [
    'a size with a fraction',
    () => manifestOf({ ...manifest, layers: [{ ...layer, size: 1.5 }] }),
    '/layers/0/size',
    /integer/,
  ],
  [
    'an artifact',
    () => manifestOf({ ...manifest, config: { ...manifest.config, mediaType: 'application/vnd.wasm' } }),
    '/config/mediaType',
    /no image/,
  ],
  [
    'a huge configuration',
    () => manifestOf({ ...manifest, config: { ...manifest.config, size: 1e9 } }),
    '/config/size',
    /limit/,
  ],
  ['too many layers', () => manifestOf({ ...manifest, layers: Array(501).fill(layer) }), '/layers', /500/],
  ['fewer layers than the manifest', () => configOf(config, 2), '/rootfs/diff_ids', /has 1 layers/],
  ['an environment that is no list', () => configOf({ ...config, config: { Env: 'A=b' } }), '/config/Env', /an array/],
]

for (const [name, act, path, message] of wrong) {
  t.test(`${name} is refused`, async t => {
    t.throws(act, { code: 'ERR_IMAGE_INVALID', path, message })
  })
}

t.test('a document without a type is known by its members', async t => {
  t.equal(typeOfDocument(bytes(index), 'it'), OCI_INDEX)
  t.equal(typeOfDocument(bytes({ ...manifest, mediaType: undefined }), 'it'), OCI_MANIFEST)
  t.equal(typeOfDocument(bytes({ ...index, mediaType: DOCKER_LIST }), 'it'), DOCKER_LIST)
})
