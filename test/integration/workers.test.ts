/** The library in worker threads, which come and go while the process stays. It runs as it is built: workers load no TypeScript. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, fstatSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { baseConfig, leftovers, makeRootfs } from '../bundle.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

interface Open {
  readonly threads: number
  readonly fds: readonly string[]
}

interface Told {
  readonly before: Open
  readonly after: Open
  /** Of its descriptors: what stays for as long as the process lives. */
  readonly kept: readonly string[]
  readonly children: readonly string[]
}

/** A leak of one for each worker shows with a few; the nightly run takes as many as a program may have had in a day. */
const WORKERS = effort.times > 1 ? 200 : 16

/** With what the programs of workers/ run. */
function makeDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'state'))
  makeRootfs(join(directory, 'rootfs'))
  const config = baseConfig()
  config.process.args = ['/bin/echo', 'hello']
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  return directory
}

async function runHost(t: Test, what: string, workers: number): Promise<Told> {
  const directory = makeDirectory(t)
  const prefix = `tsrun-workers-${process.pid}-${what}`
  const args = ['test/integration/workers/host.mjs', what, directory, prefix, String(workers)]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
  t.equal(stderr, '', 'nothing is said of descriptors that are closed twice')
  t.strictSame(leftovers(prefix), [])
  return JSON.parse(stdout) as Told
}

function nothingLeft(t: Test, { before, after, kept, children }: Told): void {
  t.equal(new Set(kept).size, kept.length, 'what stays is there once')
  t.equal(after.threads, before.threads, 'threads')
  t.equal(after.fds.length - kept.length, before.fds.length, `descriptors: ${after.fds.join(' ')}`)
  t.strictSame(children, [], 'children')
}

t.test(`${WORKERS} workers, four at a time, leave nothing`, { skip: missing('root', 'busybox') }, async t => {
  nothingLeft(t, await runHost(t, 'many', WORKERS))
})

t.test('workers that are terminated in the middle leave nothing', { skip: missing('root', 'busybox') }, async t => {
  nothingLeft(t, await runHost(t, 'terminated', effort.times > 1 ? 200 : 20))
})

t.test(
  'the main thread and workers use the library at the same time',
  { skip: missing('root', 'busybox') },
  async t => {
    nothingLeft(t, await runHost(t, 'beside', 3))
  },
)

/** A worker that has offered the descriptor it tells of to Node, and is there until it is terminated. */
async function offering(isTaken: boolean): Promise<{ worker: Worker; fd: number }> {
  // Node would warn of one that it closes and has not opened.
  const options = { workerData: { isTaken }, trackUnmanagedFds: false }
  const worker = new Worker('./test/integration/workers/offered.mjs', options)
  const [fd] = (await once(worker, 'message')) as [number]
  return { worker, fd }
}

t.test('a descriptor that Node was about to take over is closed with the worker', async t => {
  const { worker, fd } = await offering(false)
  t.ok(existsSync(`/proc/self/fd/${fd}`), 'it is open while the worker lives')
  await worker.terminate()
  await until(() => !existsSync(`/proc/self/fd/${fd}`))
})

t.test('its number is left alone if it is another descriptor by then', async t => {
  const { worker, fd } = await offering(true)
  const others: number[] = []
  t.teardown(() => others.forEach(other => void closeSync(other)))
  while (!others.includes(fd) && others.length < 100) others.push(openSync('package.json', 'r'))
  t.ok(others.includes(fd), 'the number is taken again')
  await worker.terminate()
  t.ok(fstatSync(fd).isFile())
})

t.test(
  'after the first container a thread asks the add-ons for calls only',
  { skip: missing('root', 'busybox') },
  async t => {
    const directory = makeDirectory(t)
    const prefix = `tsrun-workers-${process.pid}-add-ons`
    const args = ['test/integration/workers/add-ons.mjs', directory, prefix]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const [first, second] = JSON.parse(stdout) as Record<'address' | 'ffi_call', number>[]
    t.ok(Number(first?.address) > 0, 'they are counted')
    t.ok(Number(second?.ffi_call) > 10)
    // Whatever else they are asked for brings the process down if the worker is being terminated.
    t.match(second, { address: 0, readPointer: 0, writePointer: 0, ffi_prep_cif: 0 })
    t.strictSame(leftovers(prefix), [])
  },
)
