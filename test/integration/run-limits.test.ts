/** run: what ends a program early, and what is told of it. */
import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import type { RunOptions } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

/** `run` of a container, and of a process in a container: the same options, and the same results. */
async function both(t: Test) {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sleep', '1000']
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  // A cgroup of its own for each.
  configure(config => {
    delete config.linux.cgroupsPath
  })
  const args = (command: string) => ['/bin/sh', '-c', command]
  type Options = Omit<RunOptions, 'id' | 'bundle' | 'rootfs' | 'config' | 'args'>
  const runs = {
    container: (command: string, options: Options = {}) => runtime.run({ bundle, args: args(command), ...options }),
    exec: (command: string, options: Options = {}) => container.run({ args: args(command), ...options }),
  }
  return { runtime, bundle, container, runs: Object.entries(runs) }
}

t.test('output, input and status', skip, async t => {
  for (const [name, run] of (await both(t)).runs) {
    t.match(
      await run('cat; echo err >&2; exit 3', { input: 'in' }),
      {
        stdout: 'in',
        stderr: 'err\n',
        exitCode: 3,
        signal: null,
        timedOut: false,
        outputTruncated: false,
        oomKilled: false,
      },
      name,
    )
    t.match(await run('cat'), { stdout: '', exitCode: 0 }, 'nothing is the end of the input')
  }
})

t.test('only what was killed for it has timed out', skip, async t => {
  const { runtime, bundle } = await both(t)
  // Time-outs about as long as the runs take, and a loop that is late for both.
  const timeouts = Array.from({ length: 60 }, (_, index) => 20 + 10 * index)
  const results = await Promise.all(
    timeouts.map(timeout => runtime.run({ bundle, args: ['/bin/echo', 'done'], timeout })),
  )
  for (const { timedOut, exitCode, signal, stdout } of results) {
    const expected = timedOut ? [null, 'SIGKILL'] : [0, null, 'done\n']
    t.strictSame(timedOut ? [exitCode, signal] : [exitCode, signal, stdout], expected)
  }
})

t.test('a time-out ends it and all that it has started', skip, async t => {
  const { container, runs } = await both(t)
  for (const [name, run] of runs) {
    t.match(
      await run('setsid sleep 100 & echo begun; sleep 100', { timeout: 300 }),
      { timedOut: true, signal: 'SIGKILL', stdout: 'begun\n' },
      name,
    )
  }
  t.strictSame(await container.processes(), [container.pid])
})

t.test('with a grace it is asked first', skip, async t => {
  for (const [name, run] of (await both(t)).runs) {
    const polite = `trap "echo bye; exit 9" USR1; ${AWAIT_SIGNALS}`
    t.match(
      await run(polite, { timeout: 500, grace: 20_000, killSignal: 'SIGUSR1' }),
      { timedOut: true, exitCode: 9, stdout: 'bye\n' },
      name,
    )
    const deaf = 'trap "" TERM; sleep 100'
    t.match(await run(deaf, { timeout: 300, grace: 50 }), { timedOut: true, signal: 'SIGKILL' }, name)
  }
})

t.test('durations are checked, and may be of any length', skip, async t => {
  const { runs, runtime } = await both(t)
  for (const [name, run] of runs) {
    for (const timeout of [0, -1, Number.NaN, '5s' as unknown as number, null as unknown as number]) {
      await t.rejects(
        run('exit 0', { timeout }),
        { code: 'ERR_CONFIG_INVALID', message: /^timeout: must be a number of milliseconds above 0/ },
        `${name} ${timeout}`,
      )
    }
    for (const timeout of [3e9, 2 ** 40, Number.POSITIVE_INFINITY, undefined]) {
      t.match(
        await run('sleep 0.1; exit 4', { ...(timeout !== undefined && { timeout }) }),
        { exitCode: 4, timedOut: false },
        `${name} ${timeout}`,
      )
    }
    const wrong: Record<string, unknown>[] = [
      { grace: -1 },
      { grace: '1' },
      { drain: Number.NaN },
      { outputLimit: -1 },
      { outputLimit: 1.5 },
      { outputLimit: '16 X' },
      { outputLimit: '-1' },
      { encoding: 'latin1' },
      { onOutput: 1 },
      { input: 7 },
      { killSignal: 'SIGNOTHING' },
    ]
    for (const options of wrong) {
      const message = 'killSignal' in options ? /unknown signal/ : new RegExp(`^${Object.keys(options)[0]}: must be`)
      await t.rejects(run('exit 0', options), { code: 'ERR_CONFIG_INVALID', message }, JSON.stringify(options))
    }
  }
  t.equal((await runtime.list()).length, 1, 'nothing was made')
})

t.test('an aborted run throws the reason, whenever it is aborted', skip, async t => {
  const { runs, runtime, container } = await both(t)
  for (const [name, run] of runs) {
    for (let delay = 0; delay < 60; delay += 2) {
      const controller = new AbortController()
      const reason = new Error(`after ${delay}`)
      setTimeout(() => controller.abort(reason), delay)
      await t.rejects(run('sleep 100', { signal: controller.signal }), reason, `${name} ${delay}`)
    }
    await t.rejects(run('sleep 100', { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' })
  }
  t.equal((await runtime.list()).length, 1, 'no container is left')
  t.strictSame(await container.processes(), [container.pid])
})

t.test('the output is limited, as text and as bytes', skip, async t => {
  for (const [name, run] of (await both(t)).runs) {
    const result = await run('yes', { outputLimit: 10_000 })
    t.match(result, { outputTruncated: true, timedOut: false, signal: 'SIGKILL' }, name)
    t.equal(result.stdout.length, 10_000)
    t.match(await run('head -c 10 /dev/zero', { outputLimit: 10 }), { outputTruncated: false, exitCode: 0 })
    const sized = await run('yes', { outputLimit: '8k' })
    t.match([sized.outputTruncated, sized.stdout.length], [true, 8192], `${name}: a size as a person writes it`)
  }
})

t.test('bytes come as they are', skip, async t => {
  const { runtime, bundle, container } = await both(t)
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const options = { args: ['/bin/cat'], input: bytes, encoding: 'buffer' } as const
  for (const result of [await runtime.run({ bundle, ...options }), await container.run(options)]) {
    const stdout: Buffer = result.stdout
    t.ok(stdout.equals(bytes))
    t.ok(result.stderr.equals(Buffer.alloc(0)))
  }
})

t.test('output is heard as it comes', skip, async t => {
  for (const [name, run] of (await both(t)).runs) {
    const heard: string[] = []
    const result = await run('echo one; sleep 0.2; echo two >&2', {
      onOutput: (chunk, stream) => void heard.push(`${stream} ${chunk}`),
    })
    t.strictSame(heard, ['stdout one\n', 'stderr two\n'], name)
    t.match(result, { stdout: 'one\n', stderr: 'two\n' })
    const failing = run('echo one; sleep 100', {
      onOutput: () => {
        throw new Error('of the caller')
      },
    })
    await t.rejects(failing, { message: 'of the caller' }, name)
  }
})

t.test('input comes from a stream, no faster than it is read', skip, async t => {
  for (const [name, run] of (await both(t)).runs) {
    t.match(await run('cat', { input: Readable.from(['a', 'b', Buffer.from('c')]) }), { stdout: 'abc' }, name)
    let given = 0
    async function* much() {
      for (; given < 1000; given++) yield Buffer.alloc(10_000)
    }
    t.match(await run('head -c 5 | wc -c; exit 2', { input: much() }), { stdout: '5\n', exitCode: 2 })
    t.ok(given < 1000, 'the rest is not asked for')
    async function* broken() {
      yield 'a'
      throw new Error('of the input')
    }
    await t.rejects(run('cat; sleep 100', { input: broken() }), { message: 'of the input' })
    const endless = new Readable({ read: () => {} })
    t.match(await run('exit 3', { input: endless }), { exitCode: 3 })
    t.ok(endless.destroyed, 'it is destroyed')
    async function* wrong() {
      yield 5 as unknown as string
    }
    await t.rejects(run('cat', { input: wrong() }), { code: 'ERR_CONFIG_INVALID', message: /^input: / })
    await t.rejects(run('cat', { input: 'a', stdio: 'ignore' }), { code: 'ERR_CONFIG_INVALID', message: /^input: / })
  }
})

t.test('a child in the background does not hold the result of an exec', skip, async t => {
  const { container } = await both(t)
  const result = await container.run({ args: ['/bin/sh', '-c', 'echo own; sleep 100 &'], drain: 200 })
  t.match(result, { stdout: 'own\n', exitCode: 0 })
  t.equal((await container.processes()).length, 2, 'it goes on')
})

t.test('a program that is not there is an error, and nothing is left', skip, async t => {
  const { runtime, bundle, container } = await both(t)
  const open = () => readdirSync('/proc/self/fd').length
  await t.rejects(runtime.run({ bundle, args: ['/none'] }), { code: 'ERR_LAUNCH_EXEC' })
  await t.rejects(container.run({ args: ['/none'] }), { code: 'ERR_LAUNCH_EXEC' })
  await new Promise(resolve => setTimeout(resolve, 50))
  const before = open()
  for (let round = 0; round < 5; round++) {
    await t.rejects(runtime.run({ bundle, args: ['/none'] }), { code: 'ERR_LAUNCH_EXEC' })
    await t.rejects(container.run({ args: ['/none'] }), { code: 'ERR_LAUNCH_EXEC' })
  }
  await new Promise(resolve => setTimeout(resolve, 50))
  t.ok(open() <= before, 'no descriptor is left')
  t.equal((await runtime.list()).length, 1)
})
