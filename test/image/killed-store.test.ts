import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openImages } from '../../lib/image/index.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { command, scratch, startRegistry } from './registry.js'

const skip = missing('root', 'docker-registry', 'skopeo', 'umoci')
const FILES = 400
const LAYERS = 3

interface Work {
  readonly verb: 'pull' | 'unpack' | 'import' | 'commit' | 'remove' | 'prune'
  readonly name?: string
  readonly path?: string
}

/** A directory with files of its own. */
function makeTree(t: Test): string {
  const directory = scratch(t)
  mkdirSync(join(directory, 'srv'))
  for (let index = 0; index < FILES; index++) writeFileSync(join(directory, 'srv', String(index)), randomBytes(3000))
  return directory
}

/** An image in a registry and in an archive, a tree, and a store. */
async function prepared(t: Test) {
  const { host } = await startRegistry(t)
  const [source, store, folder] = [scratch(t), scratch(t), scratch(t)]
  const name = `${host}/app:1`
  const images = openImages({ directory: source })
  await images.importRoot(makeTree(t), name)
  for (let layer = 1; layer < LAYERS; layer++) await images.commit(makeTree(t), name, { base: name })
  await images.push(name)
  const path = join(folder, 'app.tar')
  await images.export(name, path)
  return { host, store, name, archive: path, tree: makeTree(t) }
}

function begin(directory: string, work: Work): ChildProcess {
  const given = JSON.stringify({ directory, ...work })
  return spawn(process.execPath, [join('test/image/store-work.mjs'), given], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Its status, and what it has said of an error. */
async function ended(child: ChildProcess): Promise<{ status: number | null; stderr: string }> {
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += chunk
  })
  child.stdout?.resume()
  const [status] = await once(child, 'close')
  return { status, stderr }
}

const namesIn = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path) : [])

/** What can be seen is whole, for us and for others. */
async function check(t: Test, store: string): Promise<void> {
  for (const { name, problem } of await openImages({ directory: store }).list()) t.equal(problem, null, String(name))
  for (const hex of namesIn(join(store, 'tsrun/layers/kept')))
    t.equal(namesIn(join(store, 'tsrun/layers/kept', hex, 'data/srv')).length, FILES, `layer ${hex}`)
  if (existsSync(join(store, 'oci-layout'))) command('umoci', 'ls', '--layout', store)
}

/** Nothing is left of anybody's work when all names are gone. */
async function isEmptied(t: Test, store: string): Promise<void> {
  await openImages({ directory: store }).prune({ all: true })
  for (const folder of ['tsrun/partial', 'tsrun/unpacking', 'tsrun/leases', 'tsrun/layers/kept', 'blobs/sha256'])
    t.same(namesIn(join(store, folder)), [], folder)
  t.same(
    readdirSync(store).filter(each => !['blobs', 'index.json', 'oci-layout', 'tsrun'].includes(each)),
    [],
  )
}

/** A number from 0 up to 1, the same for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const WORDS = ['pull', 'unpack', 'import', 'commit', 'remove', 'prune'] as const

t.test(
  'a process that is killed while another works leaves a store that goes on',
  { skip, timeout: 7_200_000 },
  async t => {
    const { store, name, archive, tree } = await prepared(t)
    const random = numbers(effort.seed)
    const works: Readonly<Record<(typeof WORDS)[number], Work>> = {
      pull: { verb: 'pull', name },
      unpack: { verb: 'unpack', name },
      import: { verb: 'import', path: archive },
      commit: { verb: 'commit', path: tree, name: 'tree:1' },
      remove: { verb: 'remove', name: 'tree:1' },
      prune: { verb: 'prune' },
    }
    let [killed, ended_] = [0, 0]
    for (let round = 0; round < 6 * effort.times; round++) {
      const word = WORDS[round % WORDS.length] ?? 'pull'
      const victim = begin(store, works[word])
      const other = begin(store, random() < 0.5 ? works.pull : works.commit)
      const [over, beside] = [ended(victim), ended(other)]
      await Promise.race([once(victim.stdout as NodeJS.ReadableStream, 'data'), over])
      await sleep(random() * 250)
      if (victim.exitCode === null && victim.kill('SIGKILL')) killed += 1
      else ended_ += 1
      await over
      const { status, stderr } = await beside
      t.equal(status, 0, `round ${round}: beside ${word} ${stderr}`)
      await check(t, store)
    }
    t.comment(`${killed} killed, ${ended_} had ended`)
    // What a process leaves that is killed while it writes its last file.
    writeFileSync(join(store, 'index.json.new'), '{"manifests":[')
    const images = openImages({ directory: store })
    await images.pull(name, { unpack: true })
    const unpacked = await images.unpack(name)
    t.equal(unpacked.layers.length, LAYERS)
    await unpacked.release()
    await check(t, store)
    command('skopeo', 'inspect', `oci:${store}:${name}`)
    writeFileSync(join(store, 'oci-layout.new'), '{')
    await isEmptied(t, store)
  },
)

t.test('eight pull the same at once beside a prune and a commit, and some are killed', { skip }, async t => {
  const { store, name, tree } = await prepared(t)
  const random = numbers(effort.seed)
  const pulls = Array.from({ length: 8 }, () => begin(store, { verb: 'pull', name }))
  const others = [begin(store, { verb: 'prune' }), begin(store, { verb: 'commit', path: tree, name: 'tree:1' })]
  const ends = [...pulls, ...others].map(ended)
  await Promise.all(
    pulls.slice(0, 3).map(async (victim, index) => {
      await Promise.race([once(victim.stdout as NodeJS.ReadableStream, 'data'), ends[index]])
      await sleep(random() * 500)
      victim.kill('SIGKILL')
    }),
  )
  for (const end of ends.slice(3)) t.match(await end, { status: 0, stderr: '' })
  await check(t, store)
  t.match(await ended(begin(store, { verb: 'pull', name })), { status: 0 })
  await check(t, store)
  await isEmptied(t, store)
})
