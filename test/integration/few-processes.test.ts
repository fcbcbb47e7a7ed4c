/** The command in a cgroup that allows few processes and threads: it ends, and says what is the matter if it can't go on. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'cgroup-v1'), timeout: 300_000 }
/** Nothing hangs: far above what a busy machine takes. */
const BOUND_MS = 30_000

t.test('pids.max of 1 to 8 around the command', skip, async t => {
  const box = makeBundle(t)
  const limited = `/sys/fs/cgroup/pids/${box.id('around')}`
  mkdirSync(limited)
  t.teardown(() => rmdirSync(limited))
  // tap makes each Node.js below it load a module of its own, with threads.
  const script = 'unset NODE_OPTIONS; echo $$ > "$LIMITED/cgroup.procs" && exec "$@"'
  for (let limit = 1; limit <= 8; limit++) {
    writeFileSync(join(limited, 'pids.max'), String(limit))
    for (const args of [['list'], ['state', box.id()], ['run', '--bundle', box.bundle, box.id(String(limit))]]) {
      const { status, signal, stderr } = spawnSync(
        '/bin/sh',
        ['-c', script, 'sh', TSRUN, '--root', box.runtime.root, ...args],
        {
          encoding: 'utf8',
          timeout: BOUND_MS,
          killSignal: 'SIGKILL',
          env: { PATH: process.env.PATH, LIMITED: limited },
        },
      )
      const name = `${args[0]} with ${limit}: ${status ?? signal}: ${stderr}`
      t.equal(signal, null, name)
      const expected = args[0] === 'run' ? /Cannot fork|pids\.max/ : /Cannot fork|pids\.max|no such file|does not exist/
      t.ok(status === 0 || expected.test(stderr), name)
    }
    for (const { id } of await box.runtime.list()) await box.runtime.delete(id, { force: true })
  }
})
