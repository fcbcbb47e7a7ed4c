import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

interface Wanted {
  readonly id: string
  readonly options?: object
  readonly start?: boolean
}

/** A process that makes containers, and then waits to be killed. */
async function owner(
  t: Test,
  { runtime, bundle, directory }: TestBundle,
  wanted: readonly Wanted[],
): Promise<ChildProcess> {
  const file = join(directory, 'owner.mjs')
  writeFileSync(
    file,
    `import { createRuntime } from ${JSON.stringify(resolve('dist/index.js'))}
const runtime = createRuntime({ root: ${JSON.stringify(runtime.root)} })
for (const { id, options, start } of ${JSON.stringify(wanted)}) {
  const container = await runtime.create({ id, bundle: ${JSON.stringify(bundle)}, stdio: 'ignore', ...options })
  if (start) await container.start()
}
console.log('made')
setInterval(() => {}, 1000)`,
  )
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return child
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 500; tries++) {
    if (await isSo()) return true
    await sleep(20)
  }
  return false
}

const sleeping = (made: TestBundle) =>
  made.configure(config => {
    config.process.args = ['/bin/sleep', '100']
    // Each has its own.
    delete config.linux.cgroupsPath
    config.annotations = { 'org.example.part': 'one' }
  })

t.test('dieWithParent: the container ends with the process that made it, started or not', skip, async t => {
  const made = makeBundle(t)
  sleeping(made)
  const options = { dieWithParent: true }
  const child = await owner(t, made, [
    { id: made.id('running'), options, start: true },
    { id: made.id('created'), options },
    { id: made.id('other'), start: true },
  ])
  const status = async (name: string) => (await (await made.runtime.get(made.id(name))).state()).status
  t.same(await Promise.all(['running', 'created', 'other'].map(status)), ['running', 'created', 'running'])
  await end(child)
  t.ok(await until(async () => (await status('running')) === 'stopped'))
  t.ok(await until(async () => (await status('created')) === 'stopped'))
  t.equal(await status('other'), 'running')
})

t.test('list tells the status, the annotations, and who made a container', skip, async t => {
  const made = makeBundle(t)
  sleeping(made)
  await made.runtime.create({ id: made.id('mine'), bundle: made.bundle, stdio: 'ignore' })
  const child = await owner(t, made, [
    { id: made.id('theirs'), start: true },
    { id: made.id('nobodys'), options: { detached: true } },
  ])
  const found = async () =>
    (await made.runtime.list()).map(({ id, status, annotations, owner, ownerLives }) => [
      id,
      status,
      annotations['org.example.part'],
      owner?.pid,
      owner?.uid,
      ownerLives,
    ])
  const mine = [made.id('mine'), 'created', 'one', process.pid, 0, true]
  const nobodys = [made.id('nobodys'), 'created', 'one', undefined, undefined, null]
  t.same(await found(), [mine, nobodys, [made.id('theirs'), 'running', 'one', child.pid, 0, true]])
  await end(child)
  t.same(await found(), [mine, nobodys, [made.id('theirs'), 'running', 'one', child.pid, 0, false]])
})

t.test('who changes what a handle tells changes no record', skip, async t => {
  const made = makeBundle(t)
  sleeping(made)
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, stdio: 'ignore' })
  Object.assign(container.owner ?? {}, { pid: 2 })
  Object.assign(container.annotations, { 'org.example.part': 'two' })
  await container.start()
  const [found] = await made.runtime.list()
  t.match(found, { owner: { pid: process.pid }, annotations: { 'org.example.part': 'one' } })
})

t.test('sweep deletes what dead owners have left, and nothing else', skip, async t => {
  const made = makeBundle(t)
  sleeping(made)
  await made.runtime.create({ id: made.id('mine'), bundle: made.bundle, stdio: 'ignore' })
  const [dead, living] = await Promise.all([
    owner(t, made, [
      { id: made.id('dead-running'), start: true },
      { id: made.id('dead-created') },
      { id: made.id('detached'), options: { detached: true }, start: true },
    ]),
    owner(t, { ...made, directory: made.bundle }, [{ id: made.id('living'), start: true }]),
  ])
  t.same(await made.runtime.sweep(), [])
  await end(dead)
  t.same(
    await made.runtime.sweep(),
    ['dead-created', 'dead-running'].map(name => made.id(name)),
  )
  const left = (await made.runtime.list()).map(({ id }) => id)
  t.same(
    left,
    ['detached', 'living', 'mine'].map(name => made.id(name)),
  )
  t.same(await made.runtime.sweep(), [])
  await end(living)
  const results = await Promise.all([made.runtime.sweep(), made.runtime.sweep()])
  t.same(results.flat(), [made.id('living')], 'of two at once one deletes it')
})
