/** A program that begins only when the command that starts it has ended: containerd's shim looks for OOM from then on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createCommandRuntime } from '../../lib/for-command.js'
import { makeBundle } from '../bundle.js'
import { execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

const stateOf = (pid: number) => /^State:\t(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]

t.test('the program of a start that outlives its caller waits at its first instruction', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '1000']))
  await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  const container = await createCommandRuntime({ root: runtime.root }).get(id())
  await container.start({ outlivesCaller: true })
  const pid = container.pid
  await until(() => stateOf(pid) === 't')
  t.equal(readFileSync(`/proc/${pid}/comm`, 'utf8'), 'sleep\n', 'it is the program')
  t.match(await container.state(), { status: 'running' })
  await container.kill('KILL')
})

t.test('it goes on when that has ended, and one that cannot be executed is an error all the same', skip, async t => {
  const { runtime, bundle, rootfs, configure, id, directory } = makeBundle(t)
  // The kernel calls a process by the name of its script. The second command keeps the shell from becoming the first one.
  const shim = join(directory, 'containerd-shim-runc-v2')
  writeFileSync(shim, '#!/bin/sh\n"$@"\nexit $?\n', { mode: 0o755 })
  const start = (name: string) => execute(shim, [RUNNER, TSRUN, '--root', runtime.root, '--debug', 'start', name])
  configure(config => (config.process.args = ['/bin/sh', '-c', 'exit 3']))
  const container = await runtime.create({ id: id('good'), bundle, stdio: 'ignore' })
  const good = start(id('good'))
  t.equal(good.status, 0, 'the command succeeds', good)
  t.match(good.stderr, 'begins when this process has ended')
  t.match(await container.wait(), { exitCode: 3 })

  writeFileSync(join(rootfs, 'bin/bad'), 'neither a program nor a script', { mode: 0o755 })
  configure(config => (config.process.args = ['/bin/bad']))
  await runtime.create({ id: id('bad'), bundle, stdio: 'ignore' })
  const bad = start(id('bad'))
  t.equal(bad.status, 1, 'the command fails', bad)
  t.match(bad.stderr, /\/bin\/bad.*ENOEXEC|ENOEXEC.*\/bin\/bad/)
})
