/** The library in worker threads, which come and go while the process stays. It runs as it is built: workers load no TypeScript. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { baseConfig, leftovers, makeRootfs } from '../bundle.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'

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

async function runHost(t: Test, what: string, workers: number): Promise<Told> {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-test-'))
  const prefix = `tsrun-workers-${process.pid}-${what}`
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'state'))
  makeRootfs(join(directory, 'rootfs'))
  const config = baseConfig()
  config.process.args = ['/bin/echo', 'hello']
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
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
