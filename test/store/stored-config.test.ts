/** State that another version of tsrun has written, and the shape of what this one writes. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Decoder, Encoder } from 'cbor-x'
import t from 'tap'
import { readConfig } from '../../lib/config/read.js'
import { CONFIG_VERSION } from '../../lib/store/stored-config.js'
import { makeBundle, type TestBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp'), timeout: 60_000 }
/** As tsrun 0.1.0 wrote it, which had no number in `config.cbor`. */
const landed = fileURLToPath(new URL('landed-0.1.0/', import.meta.url))
/** As version 2 is written, of the same `config.json`: what this version has created, the next ones read. */
const landed2 = fileURLToPath(new URL('landed-2/', import.meta.url))
const encoder = new Encoder({ useRecords: false })
const decoder = new Decoder({ useRecords: false })

/** A running container of the recorded configuration. */
async function running(box: TestBundle) {
  const id = box.id()
  const config = JSON.parse(readFileSync(join(landed, 'config.json'), 'utf8'))
  config.linux.cgroupsPath = `/${id}`
  // What the host may lack says nothing about versions.
  config.linux.resources = { pids: { limit: 100 } }
  config.linux.devices = []
  writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(config))
  const container = await box.runtime.create({ id, bundle: box.bundle, stdio: 'ignore' })
  await container.start()
  return { id, container, directory: join(box.runtime.root, id) }
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? ''

/** The recorded files in place of those of the container, with its names and numbers in them. */
function putRecorded({ bundle }: TestBundle, directory: string, recorded: string): void {
  const state = join(directory, 'state')
  const now = JSON.parse(lastLine(readFileSync(state, 'utf8')))
  const then = JSON.parse(lastLine(readFileSync(join(recorded, 'state'), 'utf8')))
  const { id, pid, startTime, rootfs, cgroup, created } = now
  const own = { id, pid, startTime, rootfs, cgroup, created, bundle }
  writeFileSync(state, `${JSON.stringify({ ...then, ...own })}\n`)
  const file = join(directory, 'config.cbor')
  const read = decoder.decode(readFileSync(join(recorded, 'config.cbor')))
  const { cgroupsPath, resources } = decoder.decode(readFileSync(file)).config.linux
  const withOwn = (config: { linux: object }) => ({ ...config, linux: { ...config.linux, cgroupsPath, resources } })
  writeFileSync(file, encoder.encode('version' in read ? { ...read, config: withOwn(read.config) } : withOwn(read)))
}

for (const [name, recorded] of [
  ['tsrun 0.1.0', landed],
  ['version 2', landed2],
] as const) {
  t.test(`what ${name} has created: exec, update, state and delete`, skip, async t => {
    const box = makeBundle(t)
    const { id, directory } = await running(box)
    putRecorded(box, directory, recorded)
    const container = await box.runtime.get(id)
    t.match(await container.state(), { id, status: 'running', annotations: { 'org.example.name': 'recorded' } })
    const executed = await container.exec({ args: ['/bin/true'], stdio: 'ignore' })
    t.match(await executed.wait(), { exitCode: 0 })
    await container.update({ pids: { limit: 50 } })
    t.match(decoder.decode(readFileSync(join(directory, 'config.cbor'))), { version: CONFIG_VERSION })
    await container.delete({ force: true })
    t.match(JSON.parse(readFileSync(join(box.bundle, 'poststop.json'), 'utf8')), { id, status: 'stopped' })
    t.notOk(existsSync(directory))
  })
}

t.test('what a later version has created is refused by name, and can be deleted by force', skip, async t => {
  const box = makeBundle(t)
  const { id, container, directory } = await running(box)
  const file = join(directory, 'config.cbor')
  writeFileSync(file, encoder.encode({ ...decoder.decode(readFileSync(file)), version: 99 }))
  const later = {
    code: 'ERR_STATE_VERSION',
    message: /configuration is of version 99, and this one reads 0, 1, 2, 3\b/,
  }
  await t.rejects(container.exec({ args: ['/bin/true'] }), later)
  const state = join(directory, 'state')
  const record = JSON.parse(lastLine(readFileSync(state, 'utf8')))
  writeFileSync(state, `${JSON.stringify({ ...record, version: 2, phase: 'unheard of' })}\n`)
  await t.rejects(box.runtime.get(id), {
    code: 'ERR_STATE_VERSION',
    message: /state is of version 2, and this one reads 1\b/,
  })
  t.same(await box.runtime.list(), [])
  await t.rejects(box.runtime.delete(id), { code: 'ERR_STATE_VERSION' })
  await box.runtime.delete(id, { force: true })
  t.notOk(existsSync(directory))
  t.notOk(existsSync(`/proc/${container.pid}/root`))
})

/** The names of all fields, and what kind of value each has. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, inner]) => [name, shapeOf(inner)])
}

const digest = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(shapeOf(value)))
    .digest('hex')

/** Of `landed/config.json`; for a configuration of another version with other fields. */
const SHAPE = 'cfad276aa4addb89b601e724560b72f32fd9dcc1abc237403883f32b1a00c1ed'

t.test('the shape of the configuration is that of its number', async t => {
  const { config } = readConfig(readFileSync(join(landed, 'config.json')), {})
  const written = decoder.decode(encoder.encode(config))
  const remedy =
    'Config has changed: raise CONFIG_VERSION, say in UPGRADES what the last one lacks, and put the new digest here'
  t.equal(digest(written), SHAPE, remedy)
  t.equal(CONFIG_VERSION, 3, 'a new version has a recorded state directory of the last one beside it')
})
