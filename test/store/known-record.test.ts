/** A record or a configuration that is known is not parsed again as long as its file has the same bytes. */
import { appendFileSync, readFileSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { exampleConfig } from '../../lib/config/example.js'
import { readConfig } from '../../lib/config/read.js'
import { boundStore } from '../../lib/store/bound-store.js'
import type { ContainerRecord } from '../../lib/store/container-record.js'
import { openStore } from '../../lib/store/store.js'
import { readStoredConfig, replaceStoredConfig, writeStoredConfig } from '../../lib/store/stored-config.js'

const FIRST: ContainerRecord = {
  ...{
    version: 1,
    id: 'one',
    ociVersion: '1.2.0',
    bundle: '/b',
    rootfs: '/b/rootfs',
    created: '2026-11-22T00:00:00.000Z',
  },
  ...{ phase: 'created', pid: 2, startTime: '10', annotations: {}, ownPidNamespace: true, hooks: false },
  ...{ startable: true, noNewKeyring: false, tail: { first: 0, ops: [], program: '/bin/true' }, cgroup: null },
}

/** A container's record in a state directory of its own; and its file. */
function kept(t: Test) {
  const store = openStore(t.testdir({}))
  const lock = store.reserve('one')
  t.teardown(() => lock.release())
  store.write(FIRST)
  return { store, file: join(store.directory('one'), 'state') }
}

t.test('what was written is known', async t => {
  const { store } = kept(t)
  t.equal(store.read('one', FIRST), FIRST)
  t.not(store.read('one'), FIRST)
  t.same(store.read('one'), FIRST)
})

t.test('what was read is known', async t => {
  const { store } = kept(t)
  const read = store.read('one')
  t.equal(store.read('one', read), read)
})

t.test('a handle sees what it has written itself', async t => {
  const { store } = kept(t)
  const bound = boundStore(store, FIRST)
  const started: ContainerRecord = { ...FIRST, phase: 'started' }
  bound.write(started)
  t.equal(bound.read('one'), started)
})

t.test('what is written after a line that was cut off is read', async t => {
  const { store, file } = kept(t)
  store.write({ ...FIRST, pid: 3 })
  truncateSync(file, statSync(file).size - 10)
  t.equal(store.read('one').pid, FIRST.pid)
  store.write({ ...FIRST, pid: 4 })
  t.equal(store.read('one').pid, 4)
})

const AN_HOUR = 3600

/** As a file system does it that counts whole seconds, and gives the number of a removed file to the next one. */
function writeUnseen(file: string, bytes: string | Uint8Array): void {
  writeFileSync(file, bytes)
  utimesSync(file, AN_HOUR, AN_HOUR)
}

const CHANGES: Readonly<Record<string, (file: string, text: string) => void>> = {
  'a line more': (file, text) => appendFileSync(file, text),
  'another file with as many bytes': (file, text) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  },
  'as many bytes, of the same time, in a file with the same number': writeUnseen,
}

for (const [name, change] of Object.entries(CHANGES)) {
  t.test(`what somebody else writes is read: ${name}`, async t => {
    const { store, file } = kept(t)
    writeUnseen(file, readFileSync(file))
    const bound = boundStore(store, FIRST)
    t.equal(bound.read('one'), FIRST)
    change(file, readFileSync(file, 'utf8').replace('"phase":"created"', '"phase":"started"'))
    t.equal(bound.read('one').phase, 'started')
    t.equal(store.read('one', FIRST).phase, 'started')
  })
}

t.test('the record of another container of the same id is not that of the handle', async t => {
  const { store, file } = kept(t)
  const bound = boundStore(store, FIRST)
  appendFileSync(file, readFileSync(file, 'utf8').replace('"pid":2', '"pid":3'))
  t.throws(() => bound.read('one'), { code: 'ERR_STATE_NOT_FOUND' })
  t.throws(() => bound.read('one'), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('a handle reads a configuration again when somebody has changed it', async t => {
  const { store } = kept(t)
  const { config } = readConfig(JSON.stringify(exampleConfig()))
  writeStoredConfig(store, 'one', config)
  const bound = boundStore(store, FIRST)
  const read = readStoredConfig(bound, 'one')
  t.same(read, config)
  t.equal(readStoredConfig(bound, 'one'), read)
  replaceStoredConfig(store, 'one', { ...config, hostname: `${config.hostname}`.toUpperCase() })
  t.equal(readStoredConfig(bound, 'one').hostname, `${config.hostname}`.toUpperCase())
})

t.test('a handle reads a configuration again whose file looks as before', async t => {
  const { store } = kept(t)
  const { config } = readConfig(JSON.stringify(exampleConfig()))
  const file = join(store.directory('one'), 'config.cbor')
  const bytesOf = (hostname: string): Buffer => {
    replaceStoredConfig(store, 'one', { ...config, hostname })
    return readFileSync(file)
  }
  const other = bytesOf('other')
  writeUnseen(file, bytesOf('first'))
  const bound = boundStore(store, FIRST)
  t.equal(readStoredConfig(bound, 'one').hostname, 'first')
  writeUnseen(file, other)
  t.equal(readStoredConfig(bound, 'one').hostname, 'other')
})
