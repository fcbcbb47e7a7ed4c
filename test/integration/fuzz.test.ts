/**
 * Mutated configurations that are valid, made for real. Only what stays in the container is mutated: its process, what is
 * mounted in it and how, limits, paths in its root. Sources, namespaces and hooks stay as they are.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { readConfig } from '../../lib/config/read.js'
import { isTsrunError } from '../../lib/index.js'
import { leftovers, makeBundle, type TestBundle } from '../bundle.js'
import { goodDocuments } from '../config/fuzz.js'
import { mutate, randomFrom, readTree, type Tree, writeTree } from '../config/mutate.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const DOCUMENTS = 60 * effort.times
const LONGEST_MS = 10_000
const INSIDE =
  /^\/(?:process|hostname|root\/readonly|mounts\/\d+\/(?:options|type|destination)|linux\/(?:maskedPaths|readonlyPaths|resources|devices))(?:\/|$)/

/** What is mutated: the bundle's own configuration, and of each limit and of each field of the process some. */
function original({ configure, bundle }: TestBundle): Tree {
  configure(config => {
    config.process.user = { uid: 0, gid: 0, umask: 18, additionalGids: [5] }
    config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }]
    config.process.oomScoreAdj = 100
    config.process.ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 4 }
    config.process.scheduler = { policy: 'SCHED_BATCH', nice: 5 }
    config.linux.devices = [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 438, uid: 0, gid: 0 }]
    config.linux.resources = {
      memory: { limit: 64 << 20 },
      pids: { limit: 20 },
      cpu: { shares: 512, quota: 50000, period: 100000 },
      devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }],
    }
  })
  return readTree(readFileSync(join(bundle, 'config.json'), 'utf8'))
}

/** The next document that validation has nothing to say about, and the seed of the one after it. */
function nextValid(first: Tree, others: readonly Tree[], seed: number): { document: string; next: number } {
  for (let own = seed; ; own += 1) {
    const random = randomFrom(own)
    const tree = structuredClone(first)
    for (let left = 1 + random(3); left > 0; left -= 1) mutate({ tree, others, random, may: path => INSIDE.test(path) })
    const document = writeTree(tree)
    if (isValid(document)) return { document, next: own + 1 }
  }
}

function isValid(document: string): boolean {
  try {
    readConfig(document)
    return true
  } catch {
    return false
  }
}

/** Creates and deletes; `created`, or the code of the error. Whatever is no error of ours is thrown. */
async function tryIt({ runtime, bundle, id }: TestBundle): Promise<string> {
  try {
    const signal = AbortSignal.timeout(LONGEST_MS)
    const container = await runtime.create({ id: id(), bundle, stdio: 'ignore', signal })
    await container.delete({ force: true })
    return 'created'
  } catch (error) {
    // A plan that is refused is a bug of ours, and a bare system call says nothing to a user.
    if (!isTsrunError(error) || ['ERR_PLAN_REFUSED', 'ERR_SYSTEM'].includes(error.code)) throw error
    return error.code
  }
}

const children = () =>
  readdirSync('/proc/self/task').flatMap(task => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
const descriptors = () => readdirSync('/proc/self/fd').length

/** What is there of the container, and in our own process, now. */
async function remains({ runtime, id }: TestBundle): Promise<readonly string[]> {
  const containers = (await runtime.list()).map(container => `container ${container.id}`)
  const processes = children().filter(pid => pid !== '')
  return [...containers, ...processes.map(pid => `process ${pid}`), ...leftovers(id())]
}

t.test(
  'a mutated configuration is created, or refused with a typed error, and leaves nothing',
  { skip: missing('root', 'busybox') },
  async t => {
    const box = makeBundle(t)
    const [first, others] = [original(box), goodDocuments()]
    const answers = new Map<string, number>()
    const before = await remains(box)
    await tryIt(box)
    await sleep(50)
    const open = descriptors()
    let { seed } = effort
    for (let count = 0; count < DOCUMENTS; count += 1) {
      const { document, next } = nextValid(first, others, seed)
      writeFileSync(join(box.bundle, 'config.json'), document)
      const answer = await tryIt(box).catch((error: Error) => t.fail(`seed ${next - 1}`, { error, document }))
      answers.set(String(answer), (answers.get(String(answer)) ?? 0) + 1)
      t.same(await remains(box), before, `seed ${next - 1} leaves nothing`)
      seed = next
    }
    t.comment(JSON.stringify(Object.fromEntries(answers)))
    t.ok((answers.get('created') ?? 0) > 10, 'some are created')
    t.ok(answers.size > 2, 'some are refused in one way or another')
    // The event loop closes the last pipes a little later.
    await until(() => descriptors() <= open + 2, 'that no descriptor is left open')
  },
)
