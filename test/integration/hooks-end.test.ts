/** Hooks end with who runs them, and with the container that somebody deletes by force. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox'), timeout: 120_000 }

/** A hook that hangs, with a process in another session and one that has lost its parent; all of them have `mark` as an argument. */
const hanging = (mark: string) => ({
  path: '/bin/sh',
  args: [
    'sh',
    '-c',
    `(setsid sh -c 'sleep 1000; : ${mark}' &); setsid sh -c 'sleep 1000; : ${mark}' & wait; : ${mark}`,
  ],
  env: ['PATH=/bin:/usr/bin'],
})

/** Processes with these words in their command line, but zombies. */
function processesWith(mark: string): string[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.filter(pid => textOf(`/proc/${pid}/cmdline`).includes(mark) && existsSync(`/proc/${pid}/root`))
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return '' // it has ended
  }
}

/** At most half a minute. */
async function until(isSo: () => boolean): Promise<boolean> {
  for (let left = 600; left > 0 && !isSo(); left--) await new Promise(resolve => setTimeout(resolve, 50))
  return isSo()
}

const THREE = 3

function withHook(
  box: TestBundle,
  kind: 'createRuntime' | 'poststart',
  timeout?: number,
): { id: string; mark: string } {
  const id = box.id(kind)
  const mark = `mark-${id}`
  box.configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    config.linux.cgroupsPath = `/${id}`
    config.hooks = { [kind]: [{ ...hanging(mark), ...(timeout !== undefined && { timeout }) }] }
  })
  return { id, mark }
}

t.test('all that a hook has started ends at its time-out, in whatever session it is', skip, async t => {
  const box = makeBundle(t)
  const { id, mark } = withHook(box, 'createRuntime', 1)
  await t.rejects(box.runtime.create({ id, bundle: box.bundle }), { code: 'ERR_HOOK_TIMEOUT' })
  t.ok(await until(() => processesWith(mark).length === 0), 'nothing is left')
})

t.test('all that a hook has started ends when it is cancelled', skip, async t => {
  const box = makeBundle(t)
  const { id, mark } = withHook(box, 'createRuntime')
  const abort = new AbortController()
  const created = t.rejects(box.runtime.create({ id, bundle: box.bundle, signal: abort.signal }), {
    name: 'AbortError',
  })
  t.ok(await until(() => processesWith(mark).length >= THREE), 'it runs')
  abort.abort()
  await created
  t.ok(await until(() => processesWith(mark).length === 0), 'nothing is left')
})

t.test('a process that a hook leaves behind when it ends goes on', skip, async t => {
  const box = makeBundle(t)
  const mark = `mark-${box.id()}`
  box.configure(config => {
    const left = `setsid sh -c 'sleep 1000; : ${mark}' > /dev/null 2>&1 &`
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', left], env: ['PATH=/bin:/usr/bin'] }] }
  })
  t.match(await box.runtime.run({ bundle: box.bundle }), { exitCode: 0 })
  const [pid] = processesWith(mark)
  t.ok(pid, 'it goes on')
  if (pid !== undefined) process.kill(-Number(pid), 'SIGKILL')
})

for (const kind of ['createRuntime', 'poststart'] as const) {
  t.test(`a ${kind} hook ends with a tsrun that is killed`, skip, async t => {
    const box = makeBundle(t)
    const { id, mark } = withHook(box, kind)
    const child = spawn(RUNNER, [TSRUN, '--root', box.runtime.root, 'run', '-d', id], {
      cwd: box.bundle,
      stdio: 'ignore',
    })
    const exited = new Promise(resolve => child.once('exit', resolve))
    t.ok(await until(() => processesWith(mark).length >= THREE), 'it runs')
    child.kill('SIGKILL')
    await exited
    t.ok(await until(() => processesWith(mark).length === 0), 'nothing is left')
    await box.runtime.delete(id, { force: true })
    t.notOk(existsSync(join(box.runtime.root, id)))
  })
}

for (const kind of ['createRuntime', 'poststart'] as const) {
  t.test(`delete --force does not wait for a ${kind} hook that hangs`, skip, async t => {
    const box = makeBundle(t)
    const { id, mark } = withHook(box, kind)
    const args = ['--root', box.runtime.root, 'run', '-d', id]
    const child = spawn(RUNNER, [TSRUN, ...args], { cwd: box.bundle, stdio: 'ignore' })
    const exited = new Promise<number | null>(resolve => child.once('exit', resolve))
    t.ok(await until(() => processesWith(mark).length >= THREE), 'it runs')
    await box.runtime.delete(id, { force: true })
    t.notOk(existsSync(join(box.runtime.root, id)))
    t.ok(await until(() => processesWith(mark).length === 0), 'nothing is left')
    t.not(await exited, 0, 'the command has failed')
  })
}
