/** Agents as they are in use: they hang up as soon as they have the message, they fail, and they are killed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { notify, shortDirectory, startAgent } from './agents.js'
import { type Change, createError } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp', 'cc') }

/** The text of a stream, to its end. */
async function textOf(stream: AsyncIterable<unknown> | null): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += String(chunk)
  return text
}

/** A created container whose process does `command` once it is sent a line. */
async function createWaiting({ runtime, bundle, configure, id }: TestBundle, command: string, change: Change) {
  configure(config => {
    config.process.args = ['/bin/sh', '-c', `echo ready; read line; ${command}`]
    change(config)
  })
  return runtime.create({ id: id(), bundle, stdio: ['pipe', 'pipe', 'pipe'] })
}

const manners = [true, false].flatMap(noNewPrivileges =>
  [[], ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']].map(flags => ({ noNewPrivileges, flags })),
)

for (const { noNewPrivileges, flags } of manners) {
  const which = `${noNewPrivileges ? 'with' : 'without'} noNewPrivileges, flags: ${flags.join() || 'none'}`

  t.test(
    `config-linux.md#seccomp: create, start and exec with agents that hang up at once, ${which}`,
    skip,
    async t => {
      const bundle = makeBundle(t)
      const agent = await startAgent(t)
      const change: Change = config => {
        config.process.noNewPrivileges = noNewPrivileges
        config.linux.seccomp = notify(agent.path, ['mkdir', 'mkdirat', 'execve', 'openat', 'read', 'close'], { flags })
      }
      const container = await createWaiting(bundle, 'mkdir /tmp/x', change)
      t.match(await agent.message(), { fds: ['seccompFd'], state: { id: container.id } })
      await container.start()
      container.stdin?.end('go\n')
      t.match(await textOf(container.stderr), 'No medium found')
      t.match(await container.wait(), { exitCode: 1 })
    },
  )

  t.test(`config-linux.md#seccomp: an agent that answers chmod with an error, ${which}`, skip, async t => {
    const agent = await startAgent(t)
    const { stderr, exitCode } = await makeBundle(t).sh('touch /tmp/x && chmod 777 /tmp/x', config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(agent.path, ['chmod', 'fchmod', 'fchmodat'], { flags })
    })
    t.match(String(stderr), /chmod: .*No medium found/)
    t.equal(exitCode, 1)
  })

  t.test(`config-linux.md#seccomp: an agent that is killed in the middle, ${which}`, skip, async t => {
    const agent = await startAgent(t, { manner: 'silent' })
    const container = await createWaiting(makeBundle(t), 'mkdir /tmp/x', config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(agent.path, undefined, { flags })
    })
    await agent.message()
    await container.start()
    container.stdin?.end('go\n')
    t.equal(await agent.message(), 'mkdir')
    await agent.kill()
    t.match(await textOf(container.stderr), 'Function not implemented')
    t.match(await container.wait(), { exitCode: 1 })
  })

  t.test(`config-linux.md#seccomp: an agent that is killed between create and start, ${which}`, skip, async t => {
    const agent = await startAgent(t)
    // The helper itself makes the second of them between create and start: it must not wait for an agent that is gone.
    const container = await createWaiting(makeBundle(t), 'mkdir /tmp/x', config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(agent.path, ['mkdir', 'mkdirat', 'close_range'], { flags })
    })
    await agent.kill()
    await container.start()
    container.stdin?.end('go\n')
    t.match(await textOf(container.stderr), 'Function not implemented')
    t.match(await container.wait(), { exitCode: 1 })
  })

  t.test(`config-linux.md#seccomp: a process of exec has an agent of its own, ${which}`, skip, async t => {
    const bundle = makeBundle(t)
    const directory = shortDirectory(t)
    const path = `${directory}/agent`
    const { configure, runtime, id } = bundle
    const first = await startAgent(t, { path })
    configure(config => {
      config.process.args = ['/bin/sleep', '100']
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(path, undefined, { flags })
    })
    const container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore' })
    await first.message()
    await container.start()
    await first.kill()
    for (let round = 0; round < 3; round++) {
      const agent = await startAgent(t, { path })
      const added = await container.exec({ args: ['/bin/mkdir', '/tmp/x'] })
      t.match(await agent.message(), { pid: added.pid })
      t.match(await textOf(added.stderr), 'No medium found')
      t.match(await added.wait(), { exitCode: 1 })
    }
  })
}

for (const noNewPrivileges of [true, false]) {
  const which = noNewPrivileges ? 'with' : 'without'
  t.test(`config-linux.md#seccomp: a startContainer hook has no descriptor of a listener, ${which}`, skip, async t => {
    const bundle = makeBundle(t)
    const agent = await startAgent(t)
    const { configure, runtime, id } = bundle
    // Standard streams, and the directory that ls reads.
    const count = '[ "$(ls /proc/self/fd | wc -l)" = 4 ]'
    configure(config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(agent.path)
      config.hooks = { startContainer: [{ path: '/bin/sh', args: ['sh', '-c', `${count}; echo $? > /data/hook`] }] }
      config.mounts.push({ destination: '/data', type: 'bind', source: bundle.directory, options: ['bind'] })
    })
    const container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore' })
    t.match(await agent.message(), { pid: container.pid, state: { pid: container.pid } })
    const second = await startAgent(t, { path: agent.path })
    const started = container.start()
    if (noNewPrivileges) {
      // As the host counts: the agent is not in the container.
      t.match(await second.message(), { state: { id: container.id, status: 'created', pid: container.pid } })
    }
    await started
    t.equal(readFileSync(join(bundle.directory, 'hook'), 'utf8'), '0\n')
    t.match(await container.wait(), { exitCode: 0 })
  })
}

t.test('config-linux.md#seccomp: without an agent the error says what could not be reached', skip, async t => {
  const path = join(shortDirectory(t), 'no.sock')
  const error = await createError(makeBundle(t), config => {
    config.linux.seccomp = notify(path)
  })
  t.match(error, { code: 'ERR_LAUNCH_OP', message: /failed to connect with seccomp agent/ })
})
