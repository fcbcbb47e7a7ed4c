import { renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { notify, type Seccomp, shortDirectory, startAgent } from './agents.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp', 'cc') }

for (const noNewPrivileges of [true, false]) {
  const which = noNewPrivileges ? 'with' : 'without'
  t.test(`config-linux.md#seccomp: the agent answers a system call, ${which} noNewPrivileges`, skip, async t => {
    const agent = await startAgent(t)
    const { stderr, exitCode } = await makeBundle(t).sh('mkdir /tmp/x', config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(agent.path)
    })
    t.match(String(stderr), 'No medium found')
    t.equal(exitCode, 1)
  })

  t.test(
    `config-linux.md#seccomp: what the runtime itself calls may be notified, ${which} noNewPrivileges`,
    skip,
    async t => {
      const agent = await startAgent(t)
      const names = [
        'read',
        'sendto',
        'close',
        'prctl',
        'accept4',
        'close_range',
        'execve',
        'setresuid',
        'capset',
        'chdir',
      ]
      const { stderr, stdout } = await makeBundle(t).sh('mkdir /tmp/x; echo on', config => {
        config.process.noNewPrivileges = noNewPrivileges
        config.linux.seccomp = notify(agent.path, ['mkdir', 'mkdirat', ...names])
      })
      t.match(String(stderr), 'No medium found')
      t.equal(String(stdout), 'on\n')
    },
  )
}

t.test('config-linux.md#the-container-process-state: one message with all that the agent needs', skip, async t => {
  const agent = await startAgent(t)
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => {
    config.annotations = { 'org.example.key': 'value' }
    config.linux.seccomp = notify(agent.path, undefined, { listenerMetadata: 'any; text' })
  })
  t.strictSame(await agent.message(), {
    ociVersion: '1.3.0',
    fds: ['seccompFd'],
    pid: container.pid,
    metadata: 'any; text',
    state: {
      ociVersion: '1.3.0',
      id: container.id,
      status: 'creating',
      pid: container.pid,
      bundle: bundle.bundle,
      annotations: { 'org.example.key': 'value' },
    },
  })
})

t.test(
  'config-linux.md#the-container-process-state: a message that no socket takes at once arrives whole',
  skip,
  async t => {
    const agent = await startAgent(t, { manner: 'whole' })
    const annotations = { long: 'x'.repeat(700_000) }
    await createSleeper(makeBundle(t), config => {
      config.annotations = annotations
      config.linux.seccomp = notify(agent.path)
    })
    const message = await agent.message()
    t.notOk('metadata' in message)
    t.strictSame((message.state as { annotations: unknown }).annotations, annotations)
  },
)

t.test('config-linux.md#seccomp: all flags together with a listener', skip, async t => {
  const agent = await startAgent(t)
  const flags = ['TSYNC', 'LOG', 'SPEC_ALLOW', 'WAIT_KILLABLE_RECV'].map(flag => `SECCOMP_FILTER_FLAG_${flag}`)
  const { stderr } = await makeBundle(t).sh('mkdir /tmp/x', config => {
    config.linux.seccomp = notify(agent.path, undefined, { flags })
  })
  t.match(String(stderr), 'No medium found')
})

t.test('config-linux.md#seccomp: an agent that can not be reached is an error, and leaves nothing', skip, async t => {
  const bundle = makeBundle(t)
  const refused = (path: string) =>
    createError(bundle, config => {
      config.linux.seccomp = notify(path)
    })
  const missingSocket = join(bundle.directory, 'no.sock')
  t.match(await refused(missingSocket), {
    name: 'LaunchError',
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/seccomp/listenerPath',
    syscall: 'connect',
    errno: 'ENOENT',
    message: `/linux/seccomp/listenerPath: connect "${missingSocket}": ENOENT: no such file or directory`,
  })
  const always = { defaultAction: 'SCMP_ACT_NOTIFY' as const, listenerPath: missingSocket }
  const error = await createError(bundle, config => {
    config.linux.seccomp = always
  })
  t.match(error, { code: 'ERR_LAUNCH_OP', configPath: '/linux/seccomp/listenerPath', errno: 'ENOENT' })
})

t.test('config-linux.md#seccomp: an agent that hangs up before it has everything is an error', skip, async t => {
  const path = join(shortDirectory(t), 'agent.sock')
  const server = createServer(socket => socket.destroy()).listen(path)
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  const error = await createError(makeBundle(t), config => {
    config.annotations = { long: 'x'.repeat(700_000) }
    config.linux.seccomp = notify(path)
  })
  t.match(error, { code: 'ERR_LAUNCH_OP', configPath: '/linux/seccomp/listenerPath', errno: /^(EPIPE|ECONNRESET)$/ })
})

t.test('config-linux.md#seccomp: NOTIFY needs a listenerPath, metadata too', skip, async t => {
  const refused = (seccomp: Seccomp) =>
    createError(makeBundle(t), config => {
      config.linux.seccomp = seccomp
    })
  const { listenerPath: _path, ...without } = notify('')
  t.match(await refused(without), {
    ...invalid('/linux/seccomp/listenerPath'),
    message: /is missing: must be the path of a socket, as there is an action SCMP_ACT_NOTIFY/,
  })
  t.match(
    await refused({ defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' }),
    invalid('/linux/seccomp/listenerMetadata'),
  )
  t.match(await refused(notify('relative.sock')), invalid('/linux/seccomp/listenerPath'))
})

for (const noNewPrivileges of [true, false]) {
  const which = noNewPrivileges ? 'with' : 'without'
  t.test(`config-linux.md#seccomp: SCMP_ACT_NOTIFY by default, ${which} noNewPrivileges`, skip, async t => {
    const agent = await startAgent(t)
    const { stdout, stderr } = await makeBundle(t).sh('mkdir /tmp/x; echo on', config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = { defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: agent.path }
    })
    t.match(String(stderr), 'No medium found')
    t.equal(String(stdout), 'on\n')
  })

  t.test(`config-linux.md#seccomp: SCMP_ACT_NOTIFY of write, ${which} noNewPrivileges`, skip, async t => {
    const agent = await startAgent(t)
    const { stdout } = await makeBundle(t).sh('echo on', config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = notify(agent.path, ['write'])
    })
    t.equal(String(stdout), 'on\n')
  })
}

for (const noNewPrivileges of [true, false]) {
  const which = noNewPrivileges ? 'with' : 'without'
  t.test(
    `config-linux.md#seccomp: a process that exec adds has an agent too, ${which} noNewPrivileges`,
    skip,
    async t => {
      const [first, second] = [await startAgent(t), await startAgent(t)]
      const bundle = makeBundle(t)
      const container = await createSleeper(bundle, config => {
        config.process.noNewPrivileges = noNewPrivileges
        config.linux.seccomp = notify(first.path)
      })
      await first.message()
      renameSync(second.path, first.path)
      const added = await container.exec({ args: ['/bin/mkdir', '/tmp/x'] })
      const { pid, state } = await second.message()
      t.equal(pid, added.pid)
      t.match(state, { id: container.id, status: 'created', pid: container.pid })
      let told = ''
      for await (const chunk of added.stderr ?? []) told += String(chunk)
      t.match(told, 'No medium found')
      t.match(await added.wait(), { exitCode: 1 })
    },
  )
}

t.test('config-linux.md#seccomp: without NOTIFY the listenerPath is ignored, with a warning', skip, async t => {
  const bundle = makeBundle(t)
  const { exitCode } = await bundle.sh('true', config => {
    config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/no/such.sock' }
  })
  t.equal(exitCode, 0)
  t.match(bundle.log, [{ message: '/linux/seccomp/listenerPath: ignored, as no action is SCMP_ACT_NOTIFY' }])
})
